/*
 * Images as the rest of gabion sees them: find one by name, get its layers and its configuration,
 * keep it from being removed while a container stands on it. All of this only reads the store (and
 * places a symbolic link for a hold), needs json-c and nothing else, and takes well under a
 * millisecond. Whatever takes an archive apart or changes the store is done by the helper program
 * gabion-image, which image_run_helper() starts: nothing here parses foreign archives.
 *
 * A store is a directory, 0700, of one owner:
 *
 *	index.json            the images: id, names, manifest, layers; replaced by rename
 *	blobs/sha256/HEX      manifests, configurations and layers as they came, verified
 *	layers/HEX/           a layer unpacked, named by its diff id, in overlayfs's form
 *	holds/OWNER           symbolic link whose target is the id of the image that OWNER uses
 *	lock                  flock(): shared to resolve, exclusive to change; held for moments only
 *	tmp/                  work under way; what a killed helper left there, the next one removes
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct arena;
struct err;

#define IMAGE_NAME_BYTES_MAX 512 /* a full reference with registry, tag and digest */

/* What an image asks for. Only these are taken from an image: its labels and annotations are data
 * for people and never become annotations of the runtime. Lists end with NULL; a list that the
 * image does not set is NULL, a string that it does not set is NULL. */
struct image_config {
	const char *const *env;        /* "NAME=value"; every element has a '=' and a name */
	const char *const *entrypoint;
	const char *const *cmd;
	const char *user;              /* for user_resolve() of image/user.h */
	const char *working_dir;       /* absolute */
	const char *stop_signal;       /* "SIGTERM", "TERM" or "15" */
	const char *const *ports;      /* "80/tcp" */
	const char *const *volumes;    /* absolute paths */
	const char *const *labels;     /* "key=value"; keys have no '=' */
};

struct image {
	const char *id;       /* "sha256:HEX" of the configuration: what Docker calls the image id */
	const char *name;     /* as people write it, "hello-world:latest"; NULL when found by id only */
	const char *manifest; /* "sha256:HEX" of the manifest */
	const char *platform; /* "linux/amd64" */
	const char *created;  /* RFC 3339 as the image says, or NULL */

	/*
	 * Absolute paths, topmost first: the order of overlayfs's lowerdir. There may be up to
	 * IMAGE_LAYERS_MAX, more than fit into the page of mount(2)'s options: open each with
	 * O_PATH and name /proc/self/fd/N there, or use fsconfig() with "lowerdir+". Copy owner and
	 * mode of layers[0] to the upper directory, or the root of the container has the upper's.
	 */
	const char *const *layers;
	size_t layer_count;
	bool wants_userxattr; /* the layers are marked with user.overlay.*: mount with "userxattr" */

	struct image_config config;
};

#define IMAGE_LAYERS_MAX 128

/* An open store. Zeroed is not closed: use IMAGE_STORE_NONE, so that closing does nothing. */
struct image_store {
	int root_fd; /* its directory; -EBADF while there is none yet */
	int lock_fd;
	char *root; /* absolute path */
};
#define IMAGE_STORE_NONE                                                                           \
	{                                                                                          \
		.root_fd = -EBADF, .lock_fd = -EBADF                                               \
	}

/**
 * image_store_open() - open the store for reading
 * @root: its directory, or NULL for /var/lib/gabion/images, and for a user other than root
 *        $XDG_DATA_HOME/gabion/images (~/.local/share/gabion/images)
 *
 * A store that does not exist yet is an empty one. A directory that somebody else owns or that
 * group or others may write is refused.
 *
 * Return: 0, image_store_close() gives it back; or -errno with @e filled.
 */
int image_store_open(const char *root, struct image_store *ret_store, struct err *e);
void image_store_close(struct image_store *store);
#define own_image_store __attribute__((cleanup(image_store_close)))

/**
 * image_resolve() - find an image and what a container needs of it
 * @name:  "NAME[:TAG][@DIGEST]", an id, or a unique beginning of an id of at least 3 digits. A NAME
 *         without a registry is looked for as Docker would (docker.io/library/NAME), then as Podman
 *         names local images (localhost/NAME).
 * @owner: container id: a hold is placed in its name before the lock is let go, so that the image
 *         stays until image_drop(); NULL for none
 * @arena: takes all strings and lists of @ret_image
 *
 * An image that the store lacks but that is shipped with gabion (hello-world) is loaded first.
 *
 * Return: 0; -ENOENT when there is no such image; -ENOTUNIQ when a short id fits several; or
 * -errno, each with @e filled.
 */
int image_resolve(struct image_store *store, const char *name, const char *owner,
		  struct arena *arena, struct image *ret_image, struct err *e);

/** image_drop() - end the hold of @owner. Return: 0, also when there was none; or -errno. */
int image_drop(const struct image_store *store, const char *owner, struct err *e);

/**
 * image_run_helper() - have gabion-image do a verb
 * @store: passed on as --root
 * @args:  verb and arguments, ends with NULL: { "load", "--tag", "x", "file.tar", NULL }
 * @stdin_fd:   borrowed; -EBADF for /dev/null
 * @ret_answer: what it wrote on standard output, free(); NULL to let it write on ours, as `save`
 *              to a pipe wants
 *
 * The helper stands beside our own program, or where the installation put it; $PATH is not
 * searched. Its progress goes to our standard error.
 *
 * Return: 0; or what the helper failed with as -errno, its sentence in @e.
 */
int image_run_helper(const struct image_store *store, const char *const *args, int stdin_fd,
		     char **ret_answer, struct err *e);

/*
 * Verbs and answers of gabion-image (all lists are JSON arrays, all digests "sha256:HEX"):
 *
 *	load [--tag NAME] [--platform OS/ARCH] [FILE|DIR|-]   [{"id","names":[]}]
 *	import [--tag NAME] [--change ...] FILE|-             [{"id","names":[]}]
 *	pull [--tag NAME] [--platform ...] NAME               [{"id","names":[]}]
 *	save --output FILE|- [--format oci-archive|docker-archive] NAME...
 *	list                    [{"id","names":[],"created","loaded","bytes","platform","holds":[]}]
 *	resolve NAME            the fields of struct image
 *	inspect NAME...         Docker's field names: Id, RepoTags, RepoDigests, Config, RootFS, ...
 *	tag NAME NEW            {"id","names":[]}
 *	rmi [--force] NAME...   [{"untagged":NAME}|{"deleted":ID}]
 *	prune [--all]           {"deleted":[],"bytes":N}
 */
