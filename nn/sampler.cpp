#include "nn/sampler.hpp"

#include <cmath>
#include <optional>

namespace lookback::nn {
namespace {

Tensor constant_times(double t, const Tensor& x) {
  Tensor times({x.shape()[0]}, x.dtype(), x.backend());
  x.backend().fill(times, t);
  return times;
}

Tensor copy_of(const Tensor& x) {
  Tensor y = empty_like(x);
  x.backend().copy(x, y);
  return y;
}

void add_scaled(const Tensor& x, double factor, const Tensor& y) {
  x.backend().scale(factor, y, {x, true});
}

void require_finite(const Tensor& x, int step, double t) {
  for (double v : x.numbers())
    require(std::isfinite(v), "sampling: a value at step ", step, " (t = ", t,
            ") is not finite; use more steps or a stronger clip");
}

Tensor ode_drift(const Score& score, const VeSde& sde, const Tensor& x, double t) {
  const double g = sde.diffusion(t);
  Tensor drift = empty_like(x);
  x.backend().scale(-0.5 * g * g, score(x, t), {drift, false});
  return drift;
}

// v^T (d drift / d x) v per sample.
std::vector<double> divergence(const Ncsnpp& network, const VeSde& sde, const Tensor& x, double t,
                               const Tensor& v) {
  Tape tape;
  const Tensor variable = tape.variable(x);
  tape.backward(score(network, sde, constant_times(t, x), variable), v);
  const std::vector<double> jv = tape.gradient(variable).numbers(), vectors = v.numbers();
  const std::size_t batch = std::size_t(x.shape()[0]), n = vectors.size() / batch;
  const double g = sde.diffusion(t);
  std::vector<double> trace(batch);
  for (std::size_t i = 0; i < vectors.size(); ++i)
    trace[i / n] += -0.5 * g * g * vectors[i] * jv[i];
  return trace;
}

} // namespace

// r(t, x) between tensors that stay where they are, so that the device can repeat it.
struct Evaluation {
  NoiseLevels levels;
  Tensor x, r;
  std::function<void()> run;

  Evaluation(const Ncsnpp& network, const VeSde& sde, const Tensor& like)
      : levels(network, sde, like.shape()[0]), x(empty_like(like)), r(empty_like(like)) {}
};

Score prior_score(const Ncsnpp& network, const VeSde& sde) {
  auto last = std::make_shared<std::optional<Evaluation>>(); // of the last shape
  return [&network, sde, last](const Tensor& x, double t) {
    Backend& backend = x.backend();
    if (!*last || (*last)->x.shape() != x.shape()) last->emplace(network, sde, x);
    Evaluation& e = **last;
    backend.copy(x, e.x);
    e.levels.set(t);
    if (e.run)
      e.run();
    else
      e.run = backend.repeatable([&network, levels = e.levels, x = e.x, r = e.r] {
        r.backend().copy(scaled_score(network, levels, x), r);
      });
    const double time = x.dtype() == DType::f32 ? double(float(t)) : t;
    const Tensor y = empty_like(x);
    backend.scale(1 / sde.sigma(time), e.r, {y, false});
    return y;
  };
}

std::vector<float> euler_maruyama_times(int steps, double T) {
  require(steps > 0, "sampling: ", steps, " steps asked for; expected at least 1");
  const float dt = float(-T / steps);
  std::vector<float> times;
  float t = float(T);
  for (int i = 0; i < steps; ++i) {
    t += dt;
    if (t < 0) break;
    times.push_back(t);
  }
  return times;
}

Tensor euler_maruyama(const Score& score, const VeSde& sde, Tensor x, int steps, const Noise& noise,
                      const Observer& observer) {
  const double dt = sde.T / steps;
  Tensor mean = x;
  int step = 0;
  for (float t : euler_maruyama_times(steps, sde.T)) {
    const double g = sde.diffusion(t);
    mean = copy_of(x);
    add_scaled(mean, g * g * dt, score(x, t));
    x = copy_of(mean);
    add_scaled(x, g * std::sqrt(dt), noise(step));
    require_finite(x, step, t);
    ++step;
    if (observer) observer(step, x);
  }
  return mean;
}

namespace {

// A step of sample_prior. Everything that differs from one step to the next is read off the device:
// the number of the step, and by it a row of numbers and the noise.
struct PriorStep {
  static constexpr std::int64_t count = NoiseLevels::count + 3; // and 1/sigma, g^2 dt, g sqrt(dt)
  const Ncsnpp& network;
  Stream noise;
  Tensor x, mean, table, step, one, row;
  NoiseLevels levels;

  PriorStep(const Ncsnpp& network, const VeSde& sde, const Tensor& start, int steps,
            std::span<const float> times, const Stream& noise)
      : network(network), noise(noise), x(copy_of(start)), mean(copy_of(start)),
        table({std::int64_t(times.size()), count}, x.dtype(), x.backend()),
        step({1}, DType::f64, x.backend()), one(empty_like(step)),
        row({count, x.shape()[0]}, x.dtype(), x.backend()),
        levels(network, sde, row.part(0, {NoiseLevels::count, x.shape()[0]})) {
    const double dt = sde.T / steps;
    visit(x.dtype(), [&]<class T>(T) {
      std::vector<T> values;
      for (double t : times) {
        const double g = sde.diffusion(t);
        for (double v : NoiseLevels::at(sde, t)) values.push_back(T(v));
        for (double v : {1 / sde.sigma(t), g * g * dt, g * std::sqrt(dt)}) values.push_back(T(v));
      }
      x.backend().upload(values.data(), table);
    });
    x.backend().fill(step, 0);
    x.backend().fill(one, 1);
  }

  void operator()() const {
    Backend& backend = x.backend();
    const std::int64_t batch = x.shape()[0];
    const auto factor = [&](std::int64_t i) {
      return row.part((NoiseLevels::count + i) * batch, {batch});
    };
    backend.spread_row(table, step, row);
    const Tensor score = scale_samples(factor(0), scaled_score(network, levels, x));
    backend.copy(x, mean);
    backend.scale_samples(factor(1), score, {mean, true});
    const Tensor z = empty_like(x);
    backend.normal(noise, z, step);
    backend.copy(mean, x);
    backend.scale_samples(factor(2), z, {x, true});
    backend.scale(1, one, {step, true});
  }
};

} // namespace

Tensor sample_prior(const Ncsnpp& network, const VeSde& sde, const Tensor& x, int steps,
                    const Stream& noise, const Observer& observer) {
  const std::vector<float> times = euler_maruyama_times(steps, sde.T);
  const PriorStep step(network, sde, x, steps, times, noise);
  std::function<void()> repeat;
  for (int done = 1; done <= int(times.size()); ++done) {
    if (repeat)
      repeat();
    else
      repeat = x.backend().repeatable(step);
    if (done % steps_between_checks == 0 || done == int(times.size()))
      require_finite(step.x, done - 1, times[std::size_t(done - 1)]);
    if (observer) observer(done, step.x);
  }
  return step.mean;
}

Tensor integrate_ode(const Score& score, const VeSde& sde, Tensor x, int steps, double t_0,
                     double t_1, OdeMethod method, const Observer& observer) {
  const double dt = (t_1 - t_0) / steps;
  float t = float(t_0);
  for (int step = 0; step < steps; ++step) {
    const Tensor drift = ode_drift(score, sde, x, t);
    Tensor next = copy_of(x);
    add_scaled(next, dt, drift);
    if (method == OdeMethod::heun) {
      const Tensor corrected = ode_drift(score, sde, next, t + float(dt));
      next = copy_of(x);
      add_scaled(next, dt / 2, drift);
      add_scaled(next, dt / 2, corrected);
    }
    x = next;
    t += float(dt);
    if (observer) observer(step + 1, x);
  }
  return x;
}

std::vector<double> log_likelihood(const Ncsnpp& network, const VeSde& sde, Tensor x, int steps,
                                   OdeMethod method, const Noise& vectors) {
  const Score score = prior_score(network, sde);
  const double dt = 1.0 / steps * sde.T;
  float t = 0;
  int call = 0;
  std::vector<double> log_p(std::size_t(x.shape()[0]), 0.0);
  const auto accumulate = [&](const Tensor& at, double time, double weight) {
    const std::vector<double> trace = divergence(network, sde, at, time, vectors(call++));
    for (std::size_t b = 0; b < log_p.size(); ++b) log_p[b] += weight * trace[b];
  };
  for (int step = 0; step < steps; ++step) {
    const Tensor before = x;
    x = integrate_ode(score, sde, x, 1, t, t + dt, method);
    if (method == OdeMethod::euler) {
      accumulate(x, t, dt);
    } else {
      accumulate(before, t, dt / 2);
      accumulate(x, t + float(dt), dt / 2);
    }
    t += float(dt);
  }
  const std::vector<double> values = x.numbers();
  const std::size_t n = values.size() / log_p.size();
  for (std::size_t b = 0; b < log_p.size(); ++b) {
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) squares += values[b * n + i] * values[b * n + i];
    log_p[b] += sde.prior_log_density(squares, double(n));
  }
  return log_p;
}

} // namespace lookback::nn
