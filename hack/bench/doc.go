// Command bench measures the media server against the kernel's own floor and
// prints the ratios that the project promises. README.md says how to read
// them.
//
// It owns both ends: it starts bin/flashpod on a port of the kernel's choosing,
// pinned to core 0, and is itself everything else, pinned to core 1:
// publishers (publisher.go), players (loader.go) and the floor (floor.go), a
// child that takes the server's place on core 0 and hands the same bytes to as
// many sockets with nothing but send(2). What is compared is the CPU time of
// those two processes for each MB delivered, in one run: figures move with the
// machine, ratios carry over.
//
// It knows the server by its door alone, and links none of it but what encodes
// RTMP, and the script engine, whose own ceiling it measures. It never judges a figure that it could not measure.
package main
