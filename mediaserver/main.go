package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker (-X main.version=…).
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		// From here a second signal ends the process at once.
		stop()
	}()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "flashpod:", err)
		os.Exit(1)
	}
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
	root.AddCommand(serveCommand(), publishCommand(), playCommand(), recordingsCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}
