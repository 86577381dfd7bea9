#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/options.h"
#include "cmd/gabion/signal_name.h"

int signal_parse(const char *word)
{
	int64_t number;

	if (option_number_read(word, &number) == 0)
		return number > 0 && number < NSIG ? (int)number : 0;
	if (strncasecmp(word, "SIG", 3) == 0)
		word += 3;
	if (strncasecmp(word, "RTMIN", 5) == 0) {
		if (!word[5])
			return 34; /* the kernel's, as Docker and the OCI spec count */
		if (word[5] != '+' || option_number_read(word + 6, &number) < 0 || number < 0 ||
		    number > 30)
			return 0;
		return 34 + (int)number;
	}
	for (int signal = 1; signal < 32; signal++)
		if (sigabbrev_np(signal) && strcasecmp(sigabbrev_np(signal), word) == 0)
			return signal;
	return 0;
}
