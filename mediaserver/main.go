package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
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
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		stop(interrupted{<-signals})
		// From here a second signal ends the process at once.
		signal.Stop(signals)
	}()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		// The last line, and one: kubelet makes it the pod's termination message
		// when a container ends without writing another. It is plain text in a
		// log of JSON, too, because people are shown it.
		fmt.Fprintln(os.Stderr, "flashpod:", oneLine(err))
		os.Exit(exitCode(err))
	}
}

// oneLine is an error without line breaks, which joined errors and those of
// YAML have.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "flashpod",
		Short: "Flash Communication Server, reborn: live and recorded streams over RTMP",
		Long: `Flashpod serves instances of applications over RTMP. A client connects to
rtmp://host/application/instance and publishes or plays streams there.

Start with:  flashpod serve --help`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(serveCommand(), publishCommand(), playCommand(), recordingsCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}
