/*
 * What an archive may cost. Every number has an option of gabion-image; the defaults let any honest
 * image through and stop those made to fill a disk or never to end.
 */
#pragma once

#include <stdint.h>

struct limits {
	uint64_t entry_count;    /* of one archive */
	uint64_t total_bytes;    /* written for one archive or layer, after decompression */
	uint64_t file_bytes;     /* apparent size of one file; holes count */
	uint64_t ratio;          /* decompressed by compressed, once more than ratio_free_bytes came */
	uint64_t ratio_free_bytes;
};

#define LIMITS_DEFAULT                                                                             \
	((struct limits){ .entry_count = 2000000,                                                  \
			  .total_bytes = UINT64_C(64) << 30,                                       \
			  .file_bytes = UINT64_C(16) << 40,                                        \
			  .ratio = 300,                                                            \
			  .ratio_free_bytes = UINT64_C(1) << 30 })
