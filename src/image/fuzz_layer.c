/*
 * A layer, compressed or not, unpacked for real into a directory that is thrown away. What must hold:
 * no crash, and nothing appears beside the directory.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "image/tree.h"
#include "image/unpack.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char outer[] = "/tmp/gabion-fuzz-layer.XXXXXX";
static int outer_fd = -1;

static void outer_remove(void)
{
	(void)tree_remove(AT_FDCWD, outer, NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (!mkdtemp(outer))
		abort();
	outer_fd = open(outer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)atexit(outer_remove);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct limits limits = { .entry_count = 200, .total_bytes = 1 << 20,
				       .file_bytes = 1 << 20, .ratio = 100,
				       .ratio_free_bytes = 1 << 16 };
	const struct unpack_how how = { .wants_userxattr = true, .skip_devices = true };
	struct unpack_result result = { 0 };
	struct stream stream = { 0 };
	struct err e = { 0 };
	struct stat st;
	int root_fd;

	if (mkdirat(outer_fd, "root", 0755) < 0)
		abort();
	root_fd = openat(outer_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		abort();
	if (stream_open_bytes(&stream, data, size, COMPRESSION_ANY, &limits, &e) == 0) {
		(void)unpack_stream(&stream, root_fd, &how, &result, &e);
		stream_close(&stream);
	}
	(void)close(root_fd);
	if (tree_remove(outer_fd, "root", &e) < 0) {
		(void)fprintf(stderr, "cannot remove what was unpacked: %s\n", e.text);
		abort();
	}
	if (fstat(outer_fd, &st) < 0 || st.st_nlink != 2)
		abort(); /* a directory beside the root */
	return 0;
}
