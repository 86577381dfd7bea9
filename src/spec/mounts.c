#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/shapes.h"

#define DATA_BYTES_MAX      ((size_t)64 << 10)
#define MAP_LINES_PER_MOUNT 340 /* what one uid_map takes */

/* --- idmap=uids=FS-HOST-COUNT#...;gids=... : crun's option, see crun(1) -------------------- */

/* "@": the second number counts from where the container's own user namespace maps the first. */
static void id_map_shift(struct spec_id_map *map, const struct spec_id_maps *container)
{
	for (uint32_t i = 0; i < container->count; i++) {
		const struct spec_id_map *line = &container->items[i];

		if (map->container_id - line->container_id >= line->size ||
		    map->container_id < line->container_id)
			continue;
		map->host_id += line->host_id - line->container_id;
		return;
	}
}

static bool id_parse(const char **at, char end, uint32_t *ret_id)
{
	unsigned long long value;
	char *stop;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	value = strtoull(*at, &stop, 10);
	if (errno || value > UINT32_MAX || (end && *stop != end))
		return false;
	*at = end ? stop + 1 : stop;
	*ret_id = (uint32_t)value;
	return true;
}

static int id_maps_parse(struct reader *reader, const struct place *place, const char *text,
			 const struct spec_id_maps *container, struct spec_id_maps *maps)
{
	const char *at = text;
	size_t count = 1;

	for (const char *c = text; *c; c++)
		count += *c == '#';
	if (count > MAP_LINES_PER_MOUNT)
		return reader_fail(reader, place, "%zu mappings are more than the kernel takes, %d",
				   count, MAP_LINES_PER_MOUNT);
	maps->items = arena_new_array(reader->arena, struct spec_id_map, count);
	if (!maps->items)
		return err_oom(reader->e);
	for (size_t i = 0; i < count; i++) {
		struct spec_id_map *map = &maps->items[i];
		bool is_relative = *at == '@';

		at += is_relative;
		if (!id_parse(&at, '-', &map->container_id) || !id_parse(&at, '-', &map->host_id) ||
		    !id_parse(&at, '\0', &map->size) || (*at && *at != '#'))
			return reader_fail(reader, place,
					   "expected mappings as [@]FS_ID-HOST_ID-COUNT, got '%.64s'",
					   text);
		if (is_relative)
			id_map_shift(map, container);
		at += *at == '#';
	}
	maps->count = (uint32_t)count;
	return 0;
}

static int idmap_option(struct reader *reader, const struct place *place, const char *value,
			struct spec_mount *mount)
{
	static const struct spec_id_maps none;
	const struct spec_linux *os = reader->spec ? &reader->spec->os : NULL;
	char *text = arena_strdup(reader->arena, value), *rest = text, *part;
	int r = 0;

	if (!text)
		return err_oom(reader->e);
	while (r == 0 && (part = strsep(&rest, ";"))) {
		if (strncmp(part, "uids=", 5) == 0)
			r = id_maps_parse(reader, place, part + 5, os ? &os->uid_maps : &none,
					  &mount->uid_maps);
		else if (strncmp(part, "gids=", 5) == 0)
			r = id_maps_parse(reader, place, part + 5, os ? &os->gid_maps : &none,
					  &mount->gid_maps);
		else
			r = reader_fail(reader, place, "expected 'uids=' or 'gids=' in '%.64s'",
					value);
	}
	return r;
}

/* --- options ------------------------------------------------------------------------------- */

/* The words that only the filesystem understands, with commas between. */
static int data_build(struct reader *reader, const struct place *place, struct spec_mount *mount,
		      const bool *is_data, size_t bytes)
{
	char *out;

	if (bytes > DATA_BYTES_MAX)
		return reader_fail(reader, place, "options for the filesystem are too long");
	out = arena_alloc(reader->arena, bytes);
	if (!out)
		return err_oom(reader->e);
	mount->data = out;
	for (uint32_t i = 0; i < mount->options.count; i++) {
		if (!is_data[i])
			continue;
		if (out != mount->data)
			*out++ = ',';
		out = stpcpy(out, mount->options.items[i]);
	}
	return 0;
}

static int options_apply(struct reader *reader, const struct place *up, struct spec_mount *mount)
{
	struct place place = { .up = up, .key = "options" };
	bool *is_data = arena_new_array(reader->arena, bool, mount->options.count);
	size_t data_bytes = 0;

	if (!is_data)
		return err_oom(reader->e);
	for (uint32_t i = 0; i < mount->options.count; i++) {
		const char *option = mount->options.items[i];
		struct place at = { .up = &place, .index = i };
		int r = 0;

		if (mount_option_apply(option, mount) || !option[0])
			continue;
		if (strncmp(option, "idmap=", 6) == 0 || strncmp(option, "ridmap=", 7) == 0) {
			mount->ext |= option[0] == 'r' ? SPEC_MOUNT_RIDMAP : SPEC_MOUNT_IDMAP;
			r = idmap_option(reader, &at, strchr(option, '=') + 1, mount);
		} else {
			is_data[i] = true;
			data_bytes += strlen(option) + 1;
		}
		if (r < 0)
			return r;
	}
	return data_bytes ? data_build(reader, &place, mount, is_data, data_bytes) : 0;
}

/* --- destination --------------------------------------------------------------------------- */

/* "/a//./b/" becomes "/a/b". ".." stays: only who walks the tree knows where it leads. */
static int destination_clean(struct reader *reader, struct spec_mount *mount)
{
	char *clean = arena_alloc(reader->arena, strlen(mount->destination) + 2), *out = clean;

	if (!clean)
		return err_oom(reader->e);
	for (const char *at = mount->destination; *at;) {
		size_t length = strcspn(at, "/");

		if (length && !(length == 1 && at[0] == '.')) {
			*out++ = '/';
			out = mempcpy(out, at, length);
		}
		at += length;
		at += strspn(at, "/");
	}
	if (out == clean)
		*out = '/';
	mount->destination = clean;
	return 0;
}

static int mount_check(struct reader *reader, const struct place *place, void *thing)
{
	struct spec_mount *mount = thing;
	int r;

	mount->index = (uint32_t)place->index;
	if (!mount->destination[0])
		return reader_fail(reader, place, "destination is empty");
	if (mount->type && !mount->type[0])
		mount->type = NULL;
	r = destination_clean(reader, mount);
	if (r == 0)
		r = options_apply(reader, place, mount);
	if (r < 0)
		return r;
	if (mount->type && strcmp(mount->type, "bind") == 0)
		mount->is_bind = true;
	if ((mount->uid_maps.count > 0) != (mount->gid_maps.count > 0))
		return reader_fail(reader, place, "uidMappings and gidMappings go together");
	if (mount->is_bind && !mount->is_remount && !mount->source)
		return reader_fail(reader, place, "a bind mount needs a source");
	return 0;
}

static const struct field mount_fields[] = {
	FIELD_STRING("destination", struct spec_mount, destination, FIELD_MUST),
	FIELD_STRING("source", struct spec_mount, source),
	FIELD_STRING("type", struct spec_mount, type),
	FIELD_STRINGS("options", struct spec_mount, options),
	FIELD_LIST("uidMappings", struct spec_mount, uid_maps.items, uid_maps.count, &id_map_shape),
	FIELD_LIST("gidMappings", struct spec_mount, gid_maps.items, gid_maps.count, &id_map_shape),
	{ 0 },
};

const struct shape mount_shape = { mount_fields, sizeof(struct spec_mount), mount_check };
