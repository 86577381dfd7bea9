#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/options.h"
#include "runtime/signals.h"

#define KERNEL_RTMIN 32 /* the first two are libc's own, and a container may have another libc */
#define KERNEL_RTMAX 64

static bool real_time_parse(const char *name, int *ret_signal)
{
	int64_t distance = 0;
	int base, sign;

	if (!strncasecmp(name, "RTMIN", 5)) {
		base = SIGRTMIN;
		sign = '+';
	} else if (!strncasecmp(name, "RTMAX", 5)) {
		base = SIGRTMAX;
		sign = '-';
	} else {
		return false;
	}
	name += 5;
	if (*name && (*name++ != sign || option_number_read(name, &distance) < 0 || distance < 0))
		return false;
	if (distance > KERNEL_RTMAX - KERNEL_RTMIN)
		return false;
	*ret_signal = base + (int)(sign == '+' ? distance : -distance);
	return *ret_signal >= KERNEL_RTMIN && *ret_signal <= KERNEL_RTMAX;
}

int signal_parse(const char *text, int *ret_signal, struct err *e)
{
	const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
	int64_t number;

	if (option_number_read(text, &number) == 0) {
		if (number < 0 || number > KERNEL_RTMAX)
			return err_set(e, EINVAL, "unknown signal '%s'", text);
		*ret_signal = (int)number;
		return 0;
	}
	for (int signal = 1; signal < SIGSYS + 1; signal++)
		if (sigabbrev_np(signal) && !strcasecmp(sigabbrev_np(signal), name)) {
			*ret_signal = signal;
			return 0;
		}
	if (!strcasecmp(name, "IOT") || !strcasecmp(name, "CLD")) {
		*ret_signal = !strcasecmp(name, "IOT") ? SIGIOT : SIGCLD;
		return 0;
	}
	return real_time_parse(name, ret_signal) ? 0 :
						   err_set(e, EINVAL, "unknown signal '%s'", text);
}
