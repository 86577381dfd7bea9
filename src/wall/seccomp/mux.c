#include <stddef.h>

#include "base/arena.h"
#include "wall/seccomp/mux.h"

/* linux/net.h and linux/ipc.h, SYS_* and the calls of ipc(2), at the place of their value. */
static const char *const names[MUX_COUNT][MUX_CALL_COUNT_MAX] = {
	[MUX_SOCKETCALL] = {
		[1] = "socket", "bind", "connect", "listen", "accept", "getsockname",
		"getpeername", "socketpair", "send", "recv", "sendto", "recvfrom", "shutdown",
		"setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg",
		"sendmmsg",
	},
	[MUX_IPC] = {
		[1] = "semop", "semget", "semctl", "semtimedop",
		[11] = "msgsnd", "msgrcv", "msgget", "msgctl",
		[21] = "shmat", "shmdt", "shmget", "shmctl",
	},
};

bool mux_table_make(struct mux_table *table, struct arena *arena)
{
	static const char *const selves[MUX_COUNT] = { "socketcall", "ipc" };

	for (unsigned m = 0; m < MUX_COUNT; m++) {
		table->self[m] = (int16_t)syscall_find(selves[m]);
		table->calls[m] = arena_alloc(arena, syscall_count());
		if (!table->calls[m])
			return false;
		for (unsigned call = 0; call < MUX_CALL_COUNT_MAX; call++) {
			int index = names[m][call] ? syscall_find(names[m][call]) : -1;

			if (index >= 0)
				table->calls[m][index] = (uint8_t)call;
		}
	}
	return true;
}
