/* The seccomp wall, for walls.c. */
#pragma once

extern const struct wall seccomp_wall;
