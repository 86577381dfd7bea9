/*
 * A layer's tar becomes a tree in overlayfs's form. The tar is hostile until proved otherwise; see
 * entry.h, tree.h and bounds.h for what is held against it. Nothing outside of the given directory
 * is touched, whatever the tar says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "image/digest.h"
#include "image/stream.h"

struct err;

struct unpack_how {
	bool wants_userxattr; /* overlay marks as user.overlay.* */
	bool squash_owners;   /* one id is all we have: files belong to us, whoever owned them */
	bool skip_devices;    /* device nodes cannot be made here */
};

struct unpack_result {
	struct digest diff_id; /* of the whole tar */
	enum compression compression; /* as found */
	uint64_t bytes;        /* of all files */
	uint64_t entry_count;
	uint64_t dropped_xattr_count; /* not wanted, or not storable here */
	uint64_t dropped_device_count;
};

/**
 * unpack_layer() - read a layer's blob into an empty directory
 * @blob_fd: the blob, read from where it stands; borrowed
 * @root_fd: the directory; borrowed. After an error it holds a part of the tree
 *
 * Return: 0; or -errno with @e filled.
 */
int unpack_layer(int blob_fd, enum compression compression, int root_fd,
		 const struct unpack_how *how, const struct limits *limits,
		 struct unpack_result *ret_result, struct err *e);

/** unpack_stream() - as unpack_layer(), from an open stream, which stays the caller's. */
int unpack_stream(struct stream *stream, int root_fd, const struct unpack_how *how,
		  struct unpack_result *ret_result, struct err *e);
