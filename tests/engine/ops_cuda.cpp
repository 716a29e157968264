// The CUDA backend against the CPU. Without a device every test says so and is reported as skipped.
#include "tests/cuda_device.hpp"
#include "tests/op_properties.hpp"

#include <string>

using namespace lookback;
using namespace lookback::test;

namespace {

// Both results are within the rounding bound of the exact one.
double parity_bound(const OpCase& c, DType type) {
  return 2 * rounding_bound(c, type);
}

// Random numbers that start `shift` elements after where memory does.
Tensor shifted(Shape shape, std::uint32_t number, DType type, Backend& backend,
               std::int64_t shift) {
  const Tensor whole({shape.size() + shift}, type, backend), x = whole.part(shift, shape);
  backend.copy(random_tensor(shape, number, type, backend), x);
  return x;
}

// Adam on `backend` from the same state; the new value, average and moments.
std::vector<std::vector<double>> adam_step(Backend& backend, DType type, double clip_norm,
                                           std::int64_t shift = 0, std::int64_t size = 1000) {
  const Shape shape{1, size};
  auto draw = [&](std::uint32_t n) { return shifted(shape, n, type, backend, shift); };
  const Tensor gradient = draw(1), m = draw(2), value = draw(3), average = draw(4), v = draw(5);
  const Tensor norm({1}, type, backend);
  backend.squared_norm(gradient, norm);
  backend.activate(Activation::relu, v, v); // squares are not negative
  AdamStep step;
  step.learning_rate = 1e-2;
  step.bias_correction_1 = 0.1;
  step.bias_correction_2 = 0.001;
  step.clip_norm = clip_norm;
  step.ema_decay = 0.9;
  backend.adam(step, gradient, norm, m, v, value, average);
  return {to_doubles(value), to_doubles(average), to_doubles(m), to_doubles(v)};
}

} // namespace

TEST_CASE("cuda: a machine or build without a device says why and what to do") {
  std::string message;
  try {
    cuda_backend();
  } catch (const Error& error) {
    message = error.what();
  }
  if (!message.empty()) {
    CHECK(message.starts_with("device cuda: "));
    CHECK(message.ends_with("use --device cpu"));
  }
}

TEST_CASE("cuda: every op and gradient agrees with the CPU") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (const OpCase& c : op_cases())
    for (DType type : {DType::f32, DType::f64}) {
      CAPTURE(c.name);
      CAPTURE(size_of(type));
      check_close(evaluate(c, type, *cuda), evaluate(c, type, cpu_backend()),
                  parity_bound(c, type));
    }
}

TEST_CASE("cuda: two runs give the same bits") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    check_same_bits(evaluate(c, DType::f32, *cuda), evaluate(c, DType::f32, *cuda));
  }
}

TEST_CASE("cuda: the bits of a sample do not depend on the batch it is in") {
  if (Backend* cuda = cuda_device_or_skip()) check_batch_independence(*cuda);
}

TEST_CASE("cuda: a gradient is added to what stands in its place") {
  if (Backend* cuda = cuda_device_or_skip()) check_adding(*cuda);
}

TEST_CASE("cuda: no op reads memory that nobody has written") {
  if (Backend* cuda = cuda_device_or_skip()) check_unwritten_memory(*cuda);
}

TEST_CASE("cuda: noise has the bits of the CPU's") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const Stream key{99, Purpose::training_noise, 3, 1u << 20, 7};
  for (DType type : {DType::f32, DType::f64})
    for (const Shape& shape : {Shape{3, 5, 7}, Shape{1, 1}, Shape{2, 4096}, Shape{5}}) {
      Tensor here(shape, type, cpu_backend()), there(shape, type, *cuda);
      cpu_backend().normal(key, here);
      cuda->normal(key, there);
      CHECK(to_doubles(here) == to_doubles(there));
      const auto normal_of_step = [&](const Tensor& x, double step) {
        const Tensor count({1}, DType::f64, x.backend());
        x.backend().fill(count, step);
        x.backend().normal(key, x, count);
      };
      normal_of_step(there, 5);
      Stream later = key;
      later.step += 5;
      cpu_backend().normal(later, here);
      CHECK(to_doubles(here) == to_doubles(there));
      normal_of_step(here, 5);
      CHECK(to_doubles(here) == to_doubles(there));
      cpu_backend().uniform(key, here);
      cuda->uniform(key, there);
      CHECK(to_doubles(here) == to_doubles(there));
    }
}

TEST_CASE("cuda: a row of a table is spread as the number on the device says") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (Backend* backend : {&cpu_backend(), cuda})
    for (std::int64_t batch : {1, 3, 8}) {
      const Tensor table = random_tensor({5, 3}, 1, DType::f32, *backend);
      const Tensor row({1}, DType::f64, *backend), y({3, batch}, DType::f32, *backend);
      backend->fill(row, 4);
      backend->spread_row(table, row, y);
      const auto all = to_doubles(table), got = to_doubles(y);
      for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(got[i] == all[4 * 3 + i / std::size_t(batch)]);
    }
}

TEST_CASE("cuda: a step of Adam agrees with the CPU's, with and without clipping") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (DType type : {DType::f32, DType::f64})
    for (double clip_norm : {0.0, 1.0, 1e6}) {
      const auto here = adam_step(cpu_backend(), type, clip_norm),
                 there = adam_step(*cuda, type, clip_norm);
      // A handful of roundings a number.
      const double bound = 16 * (type == DType::f32 ? 0x1p-24 : 0x1p-53);
      for (std::size_t i = 0; i < here.size(); ++i)
        CHECK(max_relative_error(there[i], here[i]) <= bound);
    }
}

TEST_CASE("cuda: elements taken several at a time have the bits of those taken one by one") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const Shape shape{3, 8, 12}, longer{3, 16, 12}, wider{3, 8, 20};
  const Resampling up = fir_up();
  for (DType type : {DType::f32, DType::f64})
    for (bool add : {false, true}) {
      const auto results = [&](std::int64_t shift) { // with 1, nothing is aligned to 16 bytes
        const auto draw = [&](Shape s, std::uint32_t n) {
          return shifted(s, n, type, *cuda, shift);
        };
        const Tensor x = draw(shape, 1), dy = draw(shape, 2), factor = draw({3}, 3);
        std::vector<std::vector<double>> values;
        const auto into = [&](Shape s, const auto& operation) {
          const Tensor y = draw(s, 4);
          operation(Out{y, add});
          values.push_back(to_doubles(y));
        };
        into(shape, [&](Out y) { cuda->fill(y.tensor, 0.7); });
        into(shape, [&](Out y) { cuda->activate(Activation::silu, x, y.tensor); });
        into(shape, [&](Out y) { cuda->activate_backward(Activation::silu, x, dy, y); });
        into(shape, [&](Out y) { cuda->scale(0.3, x, y); });
        into(shape, [&](Out y) { cuda->scale_samples(factor, x, y); });
        into(shape, [&](Out y) { cuda->squared_norm_backward(x, factor, y); });
        into(shape, [&](Out y) { cuda->mean_backward(factor, y); });
        into(wider, [&](Out y) { cuda->copy_channels(x, 4, y, 12, 8); });
        into(longer, [&](Out y) { cuda->resample(up, x, y); });
        into(shape, [&](Out y) { cuda->normal({5, Purpose::training_noise}, y.tensor); });
        return values;
      };
      CAPTURE(size_of(type));
      CAPTURE(add);
      const auto together = results(0), single = results(1);
      for (std::size_t i = 0; i < single.size(); ++i) {
        CAPTURE(i);
        CHECK(together[i] == single[i]);
      }
      CHECK(adam_step(*cuda, type, 1.0, 0) == adam_step(*cuda, type, 1.0, 1));
    }
  const auto sums = [&](std::int64_t size) { return adam_step(*cuda, DType::f32, 0, 0, size); };
  const auto whole = sums(1000), odd = sums(999);
  for (std::size_t i = 0; i < whole.size(); ++i)
    CHECK(std::equal(odd[i].begin(), odd[i].end(), whole[i].begin()));
}

TEST_CASE("cuda: memory that runs out is answered with what was needed and what is free") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  std::string message;
  try {
    const Tensor too_large({std::int64_t(1) << 48}, DType::f32, *cuda);
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK(message.starts_with("cuda: out of memory: 1125899906842624 bytes needed, "));
  CHECK(message.ends_with(" free; a smaller batch needs less"));
  const Tensor x({4}, DType::f32, *cuda);
  cuda->fill(x, 3);
  CHECK(to_doubles(x) == std::vector<double>(4, 3));
}

TEST_CASE("cuda: values survive the way to the device, a copy there, and the way back") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const Tensor x = random_tensor({3, 7, 5}, 1, DType::f32, *cuda);
  const Tensor copy = empty_like(x);
  cuda->copy(x, copy);
  CHECK(to_doubles(copy) == to_doubles(random_tensor({3, 7, 5}, 1, DType::f32, cpu_backend())));
  CHECK(to_doubles(copy.part(35, {7, 5})) == rows(to_doubles(copy), 3, {1, 1}));
  cuda->fill(copy, 2.5);
  CHECK(to_doubles(copy) == std::vector<double>(105, 2.5));
}
