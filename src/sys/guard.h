/*
 * Guards that tests take away. Each escape test (tests/escapes/) must fail on a program without the
 * guard that it tests; a build with -Dbreak_guard=E13 lacks the one named E13. Such a build says so
 * in its version, and the macro is nothing in any other.
 */
#pragma once

#ifdef GABION_BREAK_GUARD
#define GUARD_STRING_(x)  #x
#define GUARD_STRING(x)   GUARD_STRING_(x)
#define GUARD(name) (__builtin_strcmp(GUARD_STRING(GABION_BREAK_GUARD), #name) != 0)
#else
#define GUARD(name) 1
#endif
