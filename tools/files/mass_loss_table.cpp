#include "tools/files/mass_loss_table.hpp"

#include "tools/files/in_file.hpp"
#include "tools/files/text_table.hpp"

#include <cmath>

namespace lookback::tools {
namespace {

constexpr double maraston_zsun = 0.02, lookback_zsun = 0.0142;
constexpr std::size_t columns = 8;

} // namespace

physics::SurvivingMassTable read_mass_loss_table(const std::filesystem::path& file) {
  const auto table = read_text_table(
      file, columns, "[Z/H], age (Gyr), total, alive, WD, NS and BH mass (Msun), turn-off mass");
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto rows =
      Rows::Map(table.data(), Eigen::Index(table.size() / columns), Eigen::Index(columns));
  const Eigen::VectorXd log_z =
      (rows.col(0).array() + std::log10(maraston_zsun / lookback_zsun)).matrix();
  return in_file(file,
                 [&] { return physics::surviving_mass_table(log_z, rows.col(1), rows.col(2)); });
}

} // namespace lookback::tools
