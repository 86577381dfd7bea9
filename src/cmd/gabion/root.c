#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/root.h"
#include "image/client.h"
#include "image/user.h"
#include "sys/path.h"

/* --- the overlay --------------------------------------------------------------------------- */

static int dir_make(const struct box *box, const char *name, struct err *e)
{
	if (mkdirat(box->dir_fd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "make '%s'", name);
	return 0;
}

/* The root of an overlay shows owner and mode of the topmost directory, which is ours. */
static int upper_adopt(const struct box *box, const char *layer, struct err *e)
{
	struct stat st;

	if (stat(layer, &st) < 0)
		return err_sys(e, "stat layer '%s'", layer);
	if (fchownat(box->dir_fd, "upper", st.st_uid, st.st_gid, 0) < 0 ||
	    fchmodat(box->dir_fd, "upper", st.st_mode & 07777, 0) < 0)
		return err_sys(e, "give the root directory the image's owner and mode");
	return 0;
}

/*
 * Layers are named one by one to fsconfig(), which has no limit; kernels before 6.5 take them only
 * as one option of at most 256 bytes here and a page in mount(2). So each is opened, and named by
 * its descriptor, which is short.
 */
static int overlay_mount(struct app *app, const struct box *box, struct json_object *layers,
			 bool wants_userxattr, const char *target, struct err *e)
{
	int fds[IMAGE_LAYERS_MAX];
	char options[4096];
	size_t count = doc_count(layers), used;
	int r = 0;

	if (!count || count > IMAGE_LAYERS_MAX)
		return err_set(e, EINVAL, "the image has %zu layers", count);
	for (size_t i = 0; i < count; i++)
		fds[i] = -EBADF;
	used = (size_t)snprintf(options, sizeof(options), "lowerdir=");
	for (size_t i = 0; i < count; i++) {
		const char *layer = json_object_get_string(json_object_array_get_idx(layers, i));

		fds[i] = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0) {
			r = err_sys(e, "open layer '%s'", layer);
			goto out;
		}
		used += (size_t)snprintf(options + used, sizeof(options) - used,
					 "%s/proc/self/fd/%d", i ? ":" : "", fds[i]);
	}
	used += (size_t)snprintf(options + used, sizeof(options) - used,
				 ",upperdir=/proc/self/fd/%d/upper,workdir=/proc/self/fd/%d/work%s",
				 box->dir_fd, box->dir_fd, wants_userxattr ? ",userxattr" : "");
	if (used >= sizeof(options))
		r = err_set(e, E2BIG, "the image has too many layers");
	else if (mount("overlay", target, "overlay", 0, options) < 0)
		r = err_sys(e, "mount the image's layers");
out:
	for (size_t i = 0; i < count; i++)
		(void)fd_close(fds[i]);
	return r;
}

static int image_root(struct app *app, const struct box *box, struct root *root, struct err *e)
{
	struct json_object *layers = doc_at(box->meta, "Gabion.Layers");
	static const char *const dirs[] = { "upper", "work", "merged" };
	int r;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		r = dir_make(box, dirs[i], e);
		if (r < 0)
			return r;
	}
	if (!doc_count(layers))
		return err_set(e, EINVAL, "the image has no layers");
	r = upper_adopt(box, json_object_get_string(json_object_array_get_idx(layers, 0)), e);
	if (r < 0)
		return r;
	root->path = box_path(app, box, "merged");
	r = overlay_mount(app, box, layers, doc_flag_at(box->meta, "Gabion.UserXattr"), root->path, e);
	root->is_mounted = r == 0;
	return r;
}

/* --- the user ------------------------------------------------------------------------------ */

static bool has_home(struct json_object *env)
{
	for (size_t i = 0; i < doc_count(env); i++)
		if (strncmp(json_object_get_string(json_object_array_get_idx(env, i)), "HOME=", 5) == 0)
			return true;
	return false;
}

static int user_complete(struct app *app, const struct box *box, const struct root *root,
			 struct json_object *config, struct err *e)
{
	own_fd int root_fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct json_object *process = doc_at(config, "process"), *user, *groups;
	struct json_object *more = doc_at(box->meta, "Gabion.Groups");
	struct user found;
	int r;

	if (root_fd < 0)
		return err_sys(e, "open root '%s'", root->path);
	r = user_resolve(root_fd, doc_text_at(box->meta, "Config.User", ""), &app->arena, &found, e);
	if (r < 0)
		return r;
	user = doc_object(process, "user");
	doc_number(user, "uid", found.uid);
	doc_number(user, "gid", found.gid);
	groups = doc_array(user, "additionalGids");
	for (size_t i = 0; i < found.group_count; i++)
		doc_number(groups, NULL, found.groups[i]);
	for (size_t i = 0; i < doc_count(more); i++) {
		gid_t gid;

		r = user_group_resolve(root_fd,
				       json_object_get_string(json_object_array_get_idx(more, i)),
				       &gid, e);
		if (r < 0)
			return r;
		doc_number(groups, NULL, gid);
	}
	if (!has_home(doc_at(process, "env")))
		doc_text(doc_at(process, "env"), NULL,
			 arena_printf(&app->arena, "HOME=%s", found.home));
	return 0;
}

/* As Docker: a working directory that the image lacks is made, beneath the root. */
static int cwd_make(const struct root *root, struct json_object *config, struct err *e)
{
	own_fd int root_fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC), cwd_fd = -EBADF;
	const char *cwd = doc_text_at(config, "process.cwd", "/");

	if (root_fd < 0)
		return err_sys(e, "open root '%s'", root->path);
	cwd_fd = path_make_dir(root_fd, cwd, 0755, NULL, e);
	return cwd_fd < 0 ? err_wrap(e, cwd_fd, "working directory '%s'", cwd) : 0;
}

int root_mount(struct app *app, struct box *box, struct json_object *config, struct root *ret_root,
	       struct err *e)
{
	const char *dir = doc_text_at(box->meta, "Gabion.RootDir", NULL);
	int r;

	*ret_root = (struct root){ .path = dir };
	if (!dir) {
		r = image_root(app, box, ret_root, e);
		if (r < 0)
			return r;
	}
	r = user_complete(app, box, ret_root, config, e);
	if (r == 0 && !doc_flag_at(config, "root.readonly"))
		r = cwd_make(ret_root, config, e);
	if (r < 0)
		root_unmount(ret_root);
	return r;
}

void root_unmount(struct root *root)
{
	if (root->is_mounted)
		(void)umount2(root->path, MNT_DETACH);
	root->is_mounted = false;
}

int box_forget(struct app *app, struct box *box, struct err *e)
{
	const char *path = arena_printf(&app->arena, "%s/images", app->data);
	struct image_store store;
	struct err ignored = { 0 };

	if (!doc_text_at(box->meta, "Gabion.RootDir", NULL) &&
	    image_store_open(path, &store, &ignored) == 0) {
		(void)image_drop(&store, box->id, &ignored);
		image_store_close(&store);
	}
	return box_remove(app, box, e);
}
