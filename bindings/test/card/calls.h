// The addon's ops as calls of TensorFlow's, from the structures by which native/ is called: what they point
// to is given as tensors, outputs are given back.
#pragma once

#include "card/session.h"
#include "vlltr/adamw.h"
#include "vlltr/anchor_attention.h"
#include "vlltr/contrastive.h"

namespace vlltr::tensorflow {

/** With `params`' count of gradients. Outputs: new params, m, v, the norm. */
Status runAdamw(Session& session, Way way, const Adamw& call, std::vector<Floats>* outputs);

/** Outputs: losses, statistics of rows and of columns, `kept` elements. */
Status runContrastive(Session& session, Way way, const ContrastiveInputs& call, int64_t kept,
                      std::vector<Floats>* outputs);
/** From what the forward pass gave. Outputs: dimage, dtext, dlogitScale. */
Status runContrastiveGrad(Session& session, Way way, const ContrastiveInputs& call, float dloss,
                          const std::vector<Floats>& forward, std::vector<Floats>* outputs);

/** `table` is the number of a table, which need not be the call's. Outputs: logits, `kept` elements. */
Status runAttention(Session& session, Way way, int32_t table, const AnchorAttentionInputs& call,
                    const std::vector<int32_t>& counts, int64_t kept, std::vector<Floats>* outputs);
/** Outputs: the gradients in the order of the inputs. */
Status runAttentionGrad(Session& session, Way way, int32_t table, const AnchorAttentionInputs& call,
                        const std::vector<int32_t>& counts, const Floats& kept, const Floats& dlogits,
                        std::vector<Floats>* outputs);

}  // namespace vlltr::tensorflow
