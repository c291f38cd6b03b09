#pragma once

#include <cstdint>

/**
 * Where things lie: tiles in shared memory, and a warp's fragments of matrices. Plain arithmetic, which a
 * test on the host goes through exhaustively.
 *
 * Shared memory has 32 banks of 4 bytes. `ldmatrix` reads eight pieces of 16 bytes at a time, which have to
 * lie in different banks: so the pieces of a row are permuted by the row's number.
 */
namespace vlltr::cuda {

/** Elements (bfloat16) of a tile along the dimension that is summed over. */
constexpr int kTileK = 32;
/** Elements in the 16 bytes that are copied and permuted as one piece. */
constexpr int kPiece = 8;

/** Byte of a piece in a tile [rows, kTileK] whose rows are lines of the matrix. */
constexpr uint32_t pieceOfRow(uint32_t row, uint32_t piece) {
  return row * (kTileK * 2) + ((piece ^ (row >> 1 & 3)) << 4);
}

/** The same in a tile [kTileK, lines] that is stored the other way round; lines: a multiple of 64. */
constexpr uint32_t pieceOfDepth(uint32_t lines, uint32_t depth, uint32_t piece) {
  return depth * lines * 2 + ((piece ^ (depth & 7)) << 4);
}

/** Line and depth (in pieces for what is contiguous) that a lane addresses for `ldmatrix.x4`. */
struct LanePiece {
  uint32_t row, piece;
};

/** A's 16x16 fragment out of rows [line][depth]: row is the line, piece is along the depth. */
constexpr LanePiece laneOfA(uint32_t lane) { return {lane & 15, lane >> 4}; }
/** A's 16x16 fragment out of rows [depth][line], transposed on the way: row is the depth. */
constexpr LanePiece laneOfTransposedA(uint32_t lane) { return {(lane & 7) + (lane >> 4) * 8, lane >> 3 & 1}; }
/** B's two 8x16 fragments out of rows [line][depth]. */
constexpr LanePiece laneOfB(uint32_t lane) { return {(lane & 7) + (lane >> 4) * 8, lane >> 3 & 1}; }
/** B's two 8x16 fragments out of rows [depth][line], transposed on the way. */
constexpr LanePiece laneOfTransposedB(uint32_t lane) { return {lane & 15, lane >> 4}; }

/** Row and column, in a 16x8 fragment of sums, of a lane's element 0 to 3. */
constexpr int sumRow(int lane, int element) { return lane / 4 + element / 2 * 8; }
constexpr int sumColumn(int lane, int element) { return lane % 4 * 2 + element % 2; }

struct TileAt {
  int row, column;
};

/** Tile of a block: bands of eight rows of tiles, each from left to right, so that blocks that run together
 * share factors. */
constexpr TileAt tileOfBlock(int block, int rows, int columns) {
  constexpr int kBand = 8;
  const int band = block / (kBand * columns);
  const int in = block - band * kBand * columns;
  const int height = rows - band * kBand < kBand ? rows - band * kBand : kBand;
  return {band * kBand + in % height, in / height};
}

}  // namespace vlltr::cuda
