// Where the CUDA kernels' tiles and fragments lie, played through on the host: no two pieces share a place,
// no `ldmatrix` meets a bank twice, and a product made of what the lanes get is the product.
#include <cstdint>
#include <set>
#include <vector>

#include "check.h"
#include "cuda/layout.h"

using namespace vlltr::cuda;

namespace {

using Matrices = uint16_t[32][4][2];  // of each lane: four registers of two elements

/** What `ldmatrix.x4` gives the lanes, out of `shared`, for the bytes that they address. */
void loadMatrices(const std::vector<uint16_t>& shared, const uint32_t (&address)[32], bool transposed,
                  Matrices& to) {
  for (int matrix = 0; matrix < 4; ++matrix) {
    std::set<uint32_t> banks;
    for (int row = 0; row < 8; ++row) {
      CHECK(address[matrix * 8 + row] % 16 == 0);
      banks.insert(address[matrix * 8 + row] / 16 % 8);
    }
    CHECK(banks.size() == 8);
    for (int lane = 0; lane < 32; ++lane) {
      for (int e = 0; e < 2; ++e) {
        const int along = lane % 4 * 2 + e, across = lane / 4;
        const int row = transposed ? along : across, column = transposed ? across : along;
        to[lane][matrix][e] = shared[address[matrix * 8 + row] / 2 + column];
      }
    }
  }
}

/** A tile whose element (line, depth) is its own number, stored either way. */
std::vector<uint16_t> tileOf(uint32_t lines, bool transposed) {
  std::vector<uint16_t> shared(lines * kTileK, 0xffff);
  for (uint32_t line = 0; line < lines; ++line) {
    for (uint32_t depth = 0; depth < kTileK; ++depth) {
      const uint32_t byte = transposed ? pieceOfDepth(lines, depth, line / kPiece) + line % kPiece * 2
                                       : pieceOfRow(line, depth / kPiece) + depth % kPiece * 2;
      CHECK(byte / 2 < shared.size() && shared[byte / 2] == 0xffff);
      shared[byte / 2] = static_cast<uint16_t>(line * kTileK + depth);
    }
  }
  return shared;
}

/** The fragments of A: lane l's registers hold rows l/4 and l/4 + 8, depths 2(l%4) and 8 further. */
void checkA(uint32_t lines, bool transposed) {
  const std::vector<uint16_t> shared = tileOf(lines, transposed);
  for (uint32_t first = 0; first < lines; first += 16) {
    for (uint32_t step = 0; step < kTileK / 16; ++step) {
      uint32_t address[32];
      for (uint32_t lane = 0; lane < 32; ++lane) {
        const LanePiece at = transposed ? laneOfTransposedA(lane) : laneOfA(lane);
        address[lane] = transposed ? pieceOfDepth(lines, at.row + step * 16, first / kPiece + at.piece)
                                   : pieceOfRow(first + at.row, at.piece + step * 2);
        // The device adds the rows of a fragment after permuting.
        if (!transposed) {
          CHECK(address[lane] == pieceOfRow(at.row, at.piece + step * 2) + first * kTileK * 2);
        }
      }
      Matrices got;
      loadMatrices(shared, address, transposed, got);
      for (uint32_t lane = 0; lane < 32; ++lane) {
        for (uint32_t i = 0; i < 4; ++i) {
          for (uint32_t e = 0; e < 2; ++e) {
            const uint32_t line = first + lane / 4 + i % 2 * 8,
                           depth = step * 16 + lane % 4 * 2 + e + i / 2 * 8;
            CHECK(got[lane][i][e] == line * kTileK + depth);
          }
        }
      }
    }
  }
}

/** The fragments of B: registers 0 and 1 of the first eight lines, 2 and 3 of the next; each depths 2(l%4),
 * + 8. */
void checkB(uint32_t lines, bool transposed) {
  const std::vector<uint16_t> shared = tileOf(lines, transposed);
  for (uint32_t first = 0; first < lines; first += 16) {
    for (uint32_t step = 0; step < kTileK / 16; ++step) {
      uint32_t address[32];
      for (uint32_t lane = 0; lane < 32; ++lane) {
        const LanePiece at = transposed ? laneOfTransposedB(lane) : laneOfB(lane);
        address[lane] = transposed ? pieceOfDepth(lines, at.row + step * 16, first / kPiece + at.piece)
                                   : pieceOfRow(first + at.row, at.piece + step * 2);
      }
      Matrices got;
      loadMatrices(shared, address, transposed, got);
      for (uint32_t lane = 0; lane < 32; ++lane) {
        for (uint32_t i = 0; i < 4; ++i) {
          for (uint32_t e = 0; e < 2; ++e) {
            const uint32_t line = first + lane / 4 + i / 2 * 8,
                           depth = step * 16 + lane % 4 * 2 + e + i % 2 * 8;
            CHECK(got[lane][i][e] == line * kTileK + depth);
          }
        }
      }
    }
  }
}

/** All elements of a 16x8 fragment once. */
void checkSums() {
  std::set<int> seen;
  for (int lane = 0; lane < 32; ++lane) {
    for (int e = 0; e < 4; ++e) {
      const int row = sumRow(lane, e), column = sumColumn(lane, e);
      CHECK(row >= 0 && row < 16 && column >= 0 && column < 8);
      seen.insert(row * 8 + column);
    }
  }
  CHECK(seen.size() == 128);
}

/** Every tile is some block's. */
void checkBlocks(int rows, int columns) {
  std::set<int> seen;
  for (int block = 0; block < rows * columns; ++block) {
    const TileAt at = tileOfBlock(block, rows, columns);
    CHECK(at.row >= 0 && at.row < rows && at.column >= 0 && at.column < columns);
    seen.insert(at.row * columns + at.column);
  }
  CHECK(seen.size() == static_cast<size_t>(rows * columns));
}

}  // namespace

int main() {
  for (const uint32_t lines : {64u, 128u, 192u, 256u}) {
    for (const bool transposed : {false, true}) checkA(lines, transposed), checkB(lines, transposed);
  }
  checkSums();
  for (int rows = 1; rows < 20; ++rows) {
    for (int columns = 1; columns < 20; ++columns) checkBlocks(rows, columns);
  }
}
