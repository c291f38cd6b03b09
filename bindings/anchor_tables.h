#pragma once

#include <cstdint>
#include <memory>

#include "vlltr/anchor_attention.h"

// Tables that both doors know by number: a TensorFlow op is given tensors alone. Numbers are never used
// again.
namespace vlltr {

/** Keeps a table until `removeAnchorTable`; gives its number. */
int32_t addAnchorTable(std::shared_ptr<const AnchorTable> table);

/** The table of that number; kInvalidArgument where it was disposed or never was. A call in progress keeps
 * what it has. */
Status findAnchorTable(int32_t number, std::shared_ptr<const AnchorTable>* table);

/** Frees a table; false where there is none of that number. */
bool removeAnchorTable(int32_t number);

}  // namespace vlltr
