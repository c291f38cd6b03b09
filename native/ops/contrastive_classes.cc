#include "ops/contrastive_classes.h"

#include <algorithm>
#include <string>

namespace vlltr {

Status makeContrastiveClasses(const ContrastiveInputs& call, ContrastiveClasses* classes) {
  std::vector<int32_t> labels(call.columnLabels, call.columnLabels + call.columns);
  std::sort(labels.begin(), labels.end());
  std::vector<int64_t> counts;
  size_t distinct = 0;
  for (const int32_t label : labels) {
    if (distinct == 0 || labels[distinct - 1] != label) {
      labels[distinct++] = label;
      counts.push_back(0);
    }
    ++counts.back();
  }
  labels.resize(distinct);
  const auto numberOf = [&](int32_t label) {
    return static_cast<size_t>(std::lower_bound(labels.begin(), labels.end(), label) - labels.begin());
  };

  for (int64_t j = 0; j < call.columns; ++j) {
    classes->column.push_back(static_cast<int32_t>(numberOf(call.columnLabels[j])));
  }
  for (int64_t i = 0; i < call.rows; ++i) {
    const int32_t label = call.rowLabels[i];
    const size_t number = numberOf(label);
    if (number == distinct || labels[number] != label) {
      return invalidArgument(
          "contrastive: rowLabels[" + std::to_string(i) + "] is " + std::to_string(label) +
          ", which columnLabels does not have; expected an image's own text among the columns");
    }
    classes->row.push_back(static_cast<int32_t>(number));
    classes->rowShare.push_back(
        static_cast<float>((1 - static_cast<double>(call.smoothing)) / static_cast<double>(counts[number])));
  }
  const double share = static_cast<double>(call.smoothing) / static_cast<double>(call.columns);
  classes->columnShare.assign(static_cast<size_t>(call.columns), static_cast<float>(share));
  return Status();
}

Status checkContrastiveClasses(const ContrastiveInputs& call) {
  ContrastiveClasses classes;
  return makeContrastiveClasses(call, &classes);
}

}  // namespace vlltr
