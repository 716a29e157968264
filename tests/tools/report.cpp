#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/common/posterior_figure.hpp"
#include "tools/common/svg.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace lookback;
using namespace lookback::tools;

namespace {

constexpr int draws = 20, bins = 8, pixels = 9000;

// Draws of a constant history; every model spectrum is `offset_sigma` below the data.
Samples example(double offset_sigma) {
  Samples s;
  s.draws = draws;
  s.bins = bins;
  for (int edge = 0; edge <= bins; ++edge) s.bin_edges_gyr.push_back(13.8 * edge / bins);
  Quantity mass{"log10_mass_formed_msun", "log10(Msun)", {}};
  for (int d = 0; d < draws; ++d) {
    mass.values.push_back(10 + 0.01 * d);
    for (int bin = 0; bin < bins; ++bin) {
      s.sfr_msun_per_yr.push_back(float(d + bin));
      s.log_z_zsun.push_back(-0.1f * float(bin));
    }
  }
  s.quantities = {mass};
  Observation& o = s.observation;
  for (int p = 0; p < pixels; ++p) {
    o.wavelength_angstrom.push_back(3600 + 0.5 * p);
    o.flux.push_back(100 + std::sin(0.1 * p));
    o.ivar.push_back(p % 1000 == 0 ? 0 : 4);
    o.mask.push_back(p % 1000 ? 0u : std::uint32_t(mask_no_ivar));
  }
  for (int d = 0; d < draws; ++d)
    for (int p = 0; p < pixels; ++p) s.model_flux.push_back(float(o.flux[p] - 0.5 * offset_sigma));
  o.redshift = 0.1;
  o.a_v = 0.3;
  o.name = "NGC <1> & \"2\"";
  o.source = "test";
  s.constants = {{"redshift", "", {0.1}}, {"a_v", "mag", {0.3}}};
  s.attributes = {{"method", std::string("none")}, {"seed", std::int64_t(7)}};
  return s;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

void check_clean(const std::string& svg) {
  CHECK(svg.size() < 1'000'000);
  CHECK(count(svg, "<g ") == count(svg, "</g>"));
  CHECK(count(svg, "<text ") == count(svg, "</text>"));
  CHECK(count(svg, "<tspan ") == count(svg, "</tspan>"));
  for (const char* part : {"nan", "inf\"", "NGC <"}) CHECK_FALSE(test::contains(svg, part));
}

} // namespace

TEST_CASE("ticks are multiples of 1, 2 or 5 times a power of ten inside the range") {
  for (const double low : {-3.0, 0.0, 0.37, 3800.0})
    for (const double width : {1e-6, 0.013, 0.99, 7.0, 5400.0, 3e11}) {
      CAPTURE(low);
      CAPTURE(width);
      const auto ticks = nice_ticks(low, low + width, 6);
      REQUIRE(ticks.size() >= 3);
      CHECK(ticks.size() <= 13);
      const double step = ticks[1] - ticks[0];
      const double mantissa = step / std::pow(10, std::floor(std::log10(step) + 1e-6));
      CHECK(std::min({std::abs(mantissa - 1), std::abs(mantissa - 2), std::abs(mantissa - 5)}) <
            1e-4);
      CHECK(ticks.front() >= low - 1e-6 * width);
      CHECK(ticks.back() <= low + width * (1 + 1e-6));
      CHECK(tick_labels(ticks).size() == ticks.size());
    }
  CHECK(nice_ticks(1, 1, 5).empty());
  CHECK(tick_labels({-0.5, 0, 0.5}) == std::vector<std::string>{"\u22120.5", "0.0", "0.5"});
}

TEST_CASE("text from files cannot become markup") {
  CHECK(escaped("<a href=\"x\">&'\n") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39; ");
}

TEST_CASE("the figure of a posterior has four panels, the one of a prior two") {
  Samples s = example(1);
  const std::string posterior = posterior_figure(s);
  check_clean(posterior);
  CHECK(count(posterior, "<clipPath") == 4);
  CHECK(test::contains(posterior, "NGC &lt;1&gt; &amp; &quot;2&quot;"));
  s.posterior = false;
  s.observation = {};
  s.model_flux.clear();
  const std::string prior = posterior_figure(s);
  check_clean(prior);
  CHECK(count(prior, "<clipPath") == 2);
}

TEST_CASE("the figure shows a truth where one is stored, on the bins of the truth") {
  Samples s = example(1);
  CHECK_FALSE(test::contains(posterior_figure(s), ">truth<"));
  s.observation.true_bin_edges_gyr = {0, 5, 13.8};
  s.observation.true_sfr_msun_per_yr = {1, 2};
  s.observation.true_log_z_zsun = {-1, 0};
  CHECK(test::contains(posterior_figure(s), ">truth<"));
}

TEST_CASE("a galaxy without stars or a mask over all pixels still has a figure") {
  Samples s = example(1);
  std::fill(s.sfr_msun_per_yr.begin(), s.sfr_msun_per_yr.end(), 0.0f);
  std::fill(s.quantities[0].values.begin(), s.quantities[0].values.end(), -INFINITY);
  check_clean(posterior_figure(s));
  std::fill(s.observation.mask.begin(), s.observation.mask.end(), std::uint32_t(mask_user));
  check_clean(posterior_figure(s));
}

TEST_CASE("reduced chi^2 is the mean square of the residuals in sigma over the used pixels") {
  CHECK(reduced_chi2_of_median(example(2)) == doctest::Approx(4).epsilon(1e-4)); // float32 model
}

TEST_CASE("report writes a figure or a page that needs no other file") {
  const test::Folder folder;
  const std::string samples = (folder / "samples.h5").string();
  write_samples({samples}, example(1));
  const std::string figure = (folder / "figure.svg").string();
  REQUIRE(test::run_tool("report", {samples, "-o", figure, "--quiet"}).exit_code == 0);
  const std::string page = (folder / "page.html").string();
  REQUIRE(test::run_tool("report", {samples, "-o", page, "--quiet"}).exit_code == 0);
  const auto text = [](const std::string& file) {
    std::ostringstream all;
    all << std::ifstream(file).rdbuf();
    return all.str();
  };
  CHECK(text(figure).starts_with("<svg xmlns="));
  CHECK(test::contains(text(page), text(figure)));
  CHECK(test::contains(text(page), "<td>log10_mass_formed_msun</td>"));
  CHECK_FALSE(test::contains(text(page), "src="));
  CHECK_FALSE(test::contains(text(page), "href="));
}

TEST_CASE("report refuses bad input in one line and leaves nothing behind") {
  const test::Folder folder;
  const std::string samples = (folder / "samples.h5").string();
  const std::string broken = (folder / "broken.h5").string();
  const std::string old = (folder / "old.svg").string();
  write_samples({samples}, example(1));
  std::filesystem::copy_file(samples, broken);
  std::filesystem::resize_file(broken, std::filesystem::file_size(broken) / 2);
  std::ofstream(old) << "mine";
  const std::size_t before = folder.entries();
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& part) {
    const auto result = test::run_tool("report", arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(count(result.err, "\n") == 1);
    CHECK(test::contains(result.err, part));
    CHECK(folder.entries() == before);
  };
  refused({samples, "-o", (folder / "figure.png").string()}, ".svg or .html");
  refused({(folder / "none.h5").string(), "-o", (folder / "f.svg").string()}, "none.h5");
  refused({broken, "-o", (folder / "f.svg").string()}, "broken.h5");
  refused({samples, "-o", old}, "overwrite");
  refused({samples, "-o", (folder / "no" / "f.svg").string()}, "no");
  refused({samples, "-o", (folder / "f.svg").string(), "--curves", "-1"}, "--curves");
}
