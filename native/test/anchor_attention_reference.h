// The attention to anchors by its definition, keys projected and G formed, in float64 and with loops alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace reference {

using Doubles = std::vector<double>;

struct Attention {
  size_t batch, classes, perClass, width;
  std::vector<int32_t> counts;
  Doubles anchors, x, wq, wk, gammaQ, betaQ, gammaK, betaK;
  double logitScale = 0;
  bool detachNorm = false;
  Doubles dlogits;

  // Results. `*Terms`: the largest of the terms that a logit or a gradient is a sum of, which bounds its
  // rounding.
  Doubles logits, weights, contributions;
  Doubles dx, dwq, dwk, dgammaQ, dbetaQ, dgammaK, dbetaK;
  double dlogitScale = 0;
  double logitTerms = 0;
  double dlogitScaleTerms = 0;  // the sum of them all, each logit's by its own
  double attentionTerms = 0;    // of what flows back into u: before the image and its projection on G cancel
  /** How far anchors cancel in G at worst: (sum_m a_m ||T_m|| / ||G||)^2, which magnifies rounding in aᵀ K a.
   */
  double cancellation = 1;

  void run();

 private:
  struct Norm {
    double mean, deviation;
  };
  Norm norm(const double* row) const;
  void normGradient(const double* row, const double* dy, const double* gamma, double* dgamma, double* dbeta,
                    double* dx) const;
  double productTerms(const Doubles& unit, const double* anchor) const;
};

/** What unit . T is rounded as: the product and, where it cancels in itself, its terms. */
inline double Attention::productTerms(const Doubles& unit, const double* anchor) const {
  double product = 0, squares = 0;
  for (size_t i = 0; i < width; ++i) {
    product += unit[i] * anchor[i], squares += unit[i] * anchor[i] * unit[i] * anchor[i];
  }
  return std::abs(product) + std::sqrt(squares);
}

inline Attention::Norm Attention::norm(const double* row) const {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < width; ++i) mean += row[i] / static_cast<double>(width);
  for (size_t i = 0; i < width; ++i)
    variance += (row[i] - mean) * (row[i] - mean) / static_cast<double>(width);
  return {mean, std::sqrt(variance + 1e-5)};
}

/** Adds to dgamma, dbeta and, unless it is null, to dx. */
inline void Attention::normGradient(const double* row, const double* dy, const double* gamma, double* dgamma,
                                    double* dbeta, double* dx) const {
  const Norm n = norm(row);
  double mean = 0, along = 0;
  for (size_t i = 0; i < width; ++i) {
    const double hat = (row[i] - n.mean) / n.deviation;
    dgamma[i] += dy[i] * hat, dbeta[i] += dy[i];
    mean += dy[i] * gamma[i] / static_cast<double>(width);
    along += dy[i] * gamma[i] * hat / static_cast<double>(width);
  }
  if (dx == nullptr) return;
  for (size_t i = 0; i < width; ++i) {
    const double hat = (row[i] - n.mean) / n.deviation;
    dx[i] += (dy[i] * gamma[i] - mean - hat * along) / n.deviation;
  }
}

inline void Attention::run() {
  const size_t d = width, tiles = batch * classes;
  const auto dot = [d](const double* a, const double* b) {
    double sum = 0;
    for (size_t i = 0; i < d; ++i) sum += a[i] * b[i];
    return sum;
  };
  // y [rows, D] = x [rows, D] w [D, D]
  const auto project = [d](const Doubles& x, const Doubles& w) {
    Doubles y(x.size());
    for (size_t r = 0; r < x.size() / d; ++r)
      for (size_t i = 0; i < d; ++i)
        for (size_t j = 0; j < d; ++j) y[r * d + j] += x[r * d + i] * w[i * d + j];
    return y;
  };
  const auto normalise = [&](const Doubles& x, const Doubles& gamma, const Doubles& beta) {
    Doubles y(x.size());
    for (size_t r = 0; r < x.size() / d; ++r) {
      const Norm n = norm(&x[r * d]);
      for (size_t i = 0; i < d; ++i)
        y[r * d + i] = (x[r * d + i] - n.mean) / n.deviation * gamma[i] + beta[i];
    }
    return y;
  };

  const Doubles y = normalise(x, gammaQ, betaQ), n = normalise(anchors, gammaK, betaK);
  const Doubles q = project(y, wq), k = project(n, wk);
  const double root = std::sqrt(static_cast<double>(d)), scale = std::exp(logitScale);
  logits.assign(tiles, -std::numeric_limits<double>::infinity());
  weights.assign(tiles * perClass, 0), contributions.assign(tiles * perClass, 0);
  dx.assign(batch * d, 0), dwq.assign(d * d, 0), dwk.assign(d * d, 0);
  dgammaQ.assign(d, 0), dbetaQ.assign(d, 0), dgammaK.assign(d, 0), dbetaK.assign(d, 0);
  Doubles dq(batch * d), dk(anchors.size());

  for (size_t b = 0; b < batch; ++b) {
    const double* image = &x[b * d];
    const double length = std::sqrt(dot(image, image)), divisor = std::max(length, 1e-12);
    Doubles unit(d), dunit(d);
    for (size_t i = 0; i < d; ++i) unit[i] = image[i] / divisor;
    for (size_t c = 0; c < classes; ++c) {
      const auto count = static_cast<size_t>(counts[c]);
      if (count == 0) continue;
      const size_t tile = b * classes + c;
      double* a = &weights[tile * perClass];
      const double* t = &anchors[c * perClass * d];
      double most = -std::numeric_limits<double>::infinity(), total = 0;
      for (size_t m = 0; m < count; ++m) {
        a[m] = dot(&q[b * d], &k[(c * perClass + m) * d]) / root;
        most = std::max(most, a[m]);
      }
      for (size_t m = 0; m < count; ++m) total += a[m] = std::exp(a[m] - most);
      Doubles g(d), dg(d), da(count);
      for (size_t m = 0; m < count; ++m) {
        a[m] /= total;
        for (size_t i = 0; i < d; ++i) g[i] += a[m] * t[m * d + i];
      }
      const double gLength = std::sqrt(dot(g.data(), g.data())), gDivisor = std::max(gLength, 1e-12);
      const double along = dot(unit.data(), g.data()) / gDivisor;
      double lengths = 0, terms = 0;
      for (size_t m = 0; m < count; ++m) {
        lengths += a[m] * std::sqrt(dot(t + m * d, t + m * d));
        terms += a[m] * scale / gDivisor * productTerms(unit, t + m * d);
      }
      logitTerms = std::max(logitTerms, terms);
      cancellation = std::max(cancellation, lengths / gDivisor * (lengths / gDivisor));
      logits[tile] = scale * along;
      for (size_t m = 0; m < count; ++m)
        contributions[tile * perClass + m] = scale * a[m] * dot(unit.data(), t + m * d) / gDivisor;

      const double dz = dlogits[tile];
      dlogitScale += dz * logits[tile], dlogitScaleTerms += std::abs(dz) * terms;
      for (size_t i = 0; i < d; ++i) {
        dunit[i] += scale * dz * g[i] / gDivisor;
        const double through = detachNorm || gLength <= 1e-12 ? 0 : along * g[i] / gDivisor;
        dg[i] = scale * dz * (unit[i] - through) / gDivisor;
      }
      double mean = 0;
      for (size_t m = 0; m < count; ++m) mean += a[m] * (da[m] = dot(dg.data(), t + m * d));
      for (size_t m = 0; m < count; ++m) {
        const double ds = a[m] * (da[m] - mean) / root;
        const double projected = std::abs(along / gDivisor * dot(g.data(), t + m * d));
        const double flows = scale * std::abs(dz) / gDivisor * (productTerms(unit, t + m * d) + projected);
        attentionTerms = std::max(attentionTerms, a[m] * flows / root);
        const size_t row = (c * perClass + m) * d;
        for (size_t i = 0; i < d; ++i) {
          dq[b * d + i] += ds * k[row + i];
          dk[row + i] += ds * q[b * d + i];
        }
      }
    }
    const double radial = length > 1e-12 ? dot(unit.data(), dunit.data()) : 0;
    for (size_t i = 0; i < d; ++i) dx[b * d + i] += (dunit[i] - unit[i] * radial) / divisor;
  }

  // dw [D, D] += x^T dy, and dx [rows, D] = dy w^T.
  const auto projectGradient = [d](const Doubles& x, const Doubles& w, const Doubles& dy, Doubles& dw) {
    Doubles dx(x.size());
    for (size_t r = 0; r < x.size() / d; ++r)
      for (size_t i = 0; i < d; ++i)
        for (size_t j = 0; j < d; ++j) {
          dw[i * d + j] += x[r * d + i] * dy[r * d + j];
          dx[r * d + i] += dy[r * d + j] * w[i * d + j];
        }
    return dx;
  };
  const Doubles dn = projectGradient(n, wk, dk, dwk), dy = projectGradient(y, wq, dq, dwq);
  for (size_t r = 0; r < classes * perClass; ++r)
    normGradient(&anchors[r * d], &dn[r * d], gammaK.data(), dgammaK.data(), dbetaK.data(), nullptr);
  for (size_t b = 0; b < batch; ++b)
    normGradient(&x[b * d], &dy[b * d], gammaQ.data(), dgammaQ.data(), dbetaQ.data(), &dx[b * d]);
}

}  // namespace reference
