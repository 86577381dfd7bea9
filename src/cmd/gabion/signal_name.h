/*
 * Names of signals.
 */
#pragma once

/** signal_parse() - "SIGTERM", "term", "15", "SIGRTMIN+3". Return: the number; 0 when it is none. */
int signal_parse(const char *word);
