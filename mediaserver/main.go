package main

import (
	"os"
	"runtime/debug"

	"flashpod.dev/flashpod/mediaserver/command"
)

// version is set by the linker (-X main.version=…).
var version = "dev"

// gcPercent lets the heap grow by half before what is unused is collected: a
// server that streams makes little of it, and memory a player counts for more.
// The variable GOGC goes before it.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(command.Execute(version))
}
