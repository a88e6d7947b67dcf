package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Execute runs what the process's command line says, until it is done or a
// signal comes, and returns what the process is to end with. version is what
// --version prints and a server says of itself.
func Execute(version string) (code int) {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		stop(interrupted{<-signals})
		// From here a second signal ends the process at once.
		signal.Stop(signals)
	}()
	err := rootCommand(version).ExecuteContext(ctx)
	if err != nil {
		// The last line, and one: kubelet makes it the pod's termination message
		// when a container ends without writing another. It is plain text in a
		// log of JSON, too, because people are shown it.
		say(os.Stderr, "flashpod: "+oneLine(err)+"\n")
	}
	return exitCode(err)
}

// say writes a last word, and does not wait for long until somebody reads it.
func say(w io.Writer, word string) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = io.WriteString(w, word) // nobody else could be told
	}()
	select {
	case <-said:
	case <-time.After(lastLines):
	}
}

// oneLine is an error without line breaks, which joined errors and those of
// YAML have.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

func rootCommand(version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "flashpod",
		Short: "Flash Communication Server, reborn: live and recorded streams over RTMP",
		Long: `Flashpod serves instances of applications over RTMP. A client connects to
rtmp://host/application/instance and publishes or plays streams there.`,
		Example: `  # one server, of a manifest; it prints where, and lines to paste
  flashpod serve -f lobby.yaml --data data

  # one more for its viewers, on another machine, which has a copy of the key: serve has --link-key-file link.key, too
  flashpod serve --edge-of rtmp://HOST --link-key-file link.key

  # one address for several servers
  flashpod gateway --routes routes.yaml`,
		Version:       version,
		Args:          subcommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(minus(err)) })
	root.AddCommand(serveCommand(version), gatewayCommand(version), publishCommand(), playCommand(), recordingsCommand(), instancesCommand(), scriptCommand(), obsCommand(), callCommand(), sharedObjectCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

const exitCodes = `Exit codes: 0 all of it, 1 it failed, 2 the command line is wrong, 130 Ctrl-C, 143
SIGTERM. How far it is goes to standard error when that is a terminal, one line
at the end always.`

// usageError is a mistake on the command line: exit code 2.
type usageError struct{ error }

// Unwrap is for errors.Is and errors.As.
func (e usageError) Unwrap() error { return e.error }

func usage(err error) error { return usageError{err} }

// interrupted says that a signal ended it: exit code 128 and its number.
type interrupted struct{ signal os.Signal }

// Error implements error.
func (e interrupted) Error() string { return "interrupted" }

// exitCode is what the process ends with.
func exitCode(err error) int {
	var u usageError
	var i interrupted
	switch {
	case err == nil:
		return 0
	case errors.As(err, &i):
		if number, ok := i.signal.(syscall.Signal); ok {
			return 128 + int(number)
		}
	case errors.As(err, &u):
		return 2
	}
	return 1
}

// orInterrupted is err or, when a signal is behind it, that.
func orInterrupted(ctx context.Context, err error) error {
	var i interrupted
	if errors.As(context.Cause(ctx), &i) {
		return i
	}
	return err
}

// subcommands is for a command that does nothing by itself.
func subcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2 // letters
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		return usage(fmt.Errorf("unknown command %q: is it %s? See %s --help", args[0], strings.Join(like, " or "), cmd.CommandPath()))
	}
	return usage(fmt.Errorf("unknown command %q: see %s --help", args[0], cmd.CommandPath()))
}

// minus says of a flag that nobody knows and that is a number what to do.
func minus(err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "" && strings.ContainsAny(unknown.GetSpecifiedShortnames()[:1], "0123456789.") {
		return fmt.Errorf("%w: put -- before arguments that begin with a minus sign", err)
	}
	return err
}

// atLeast asks for those of the names, and takes more.
func atLeast(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usage(fmt.Errorf("%s needs %s: see %s --help", cmd.Name(), strings.Join(names[len(args):], " and "), cmd.CommandPath()))
		}
		return nil
	}
}

// arguments asks for those of the names, and no more.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := atLeast(names...)(cmd, args); err != nil {
			return err
		}
		if len(args) > len(names) {
			return usage(fmt.Errorf("%s takes no more than %s, and %q is more: see %s --help", cmd.Name(), strings.Join(names, " and "), args[len(names)], cmd.CommandPath()))
		}
		return nil
	}
}
