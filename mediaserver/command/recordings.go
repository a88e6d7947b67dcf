package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
)

const keyVariable = "FLASHPOD_PUBLISH_KEY"

const recordingsLong = `List, describe and delete the recorded streams of a server that runs (--url, its
HTTP address) or of a data folder from which none serves (--data). Without a
subcommand it lists.

Deleting needs the publish key of the instance, from --key-file or from the
environment variable ` + keyVariable + `; never from an argument, which every
user of the machine could read. Where anyone may publish there is no key, and
the server hears only those on its own machine (in a pod: kubectl port-forward).
A stream that is being recorded is not deleted; one that is being played plays
on to its end.

Exit codes: 0 it is done, 1 something is not there, is refused or fails, 2 the
command line is wrong.`

const recordingsExample = `  flashpod recordings
  flashpod recordings --url http://127.0.0.1:8080 --instance chatRoom/lobby -o json
  flashpod recordings info film --instance chatRoom/lobby
  flashpod recordings info mp4:films/two --instance chatRoom/lobby
  flashpod recordings delete film --instance chatRoom/lobby --key-file data/chatRoom/keys/lobby.key
  flashpod recordings --data data/`

func recordingsCommand() *cobra.Command {
	var from recordingsSource
	cmd := &cobra.Command{
		Use:     "recordings",
		Short:   "List, describe and delete recorded streams",
		Long:    recordingsLong,
		Example: recordingsExample,
		Args:    subcommands,
		RunE:    from.list,
	}
	f := cmd.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&from.url, "url", "http://127.0.0.1:8080", "HTTP address of a server that runs")
	f.StringVar(&from.data, "data", "", "data folder from which no server serves, instead of --url")
	f.StringVar(&from.instance, "instance", "", "APPLICATION/INSTANCE; only APPLICATION where clients omit the instance too")
	f.StringVar(&from.keyFile, "key-file", "", "file with the publish key, for delete (default: "+keyVariable+")")
	f.StringVarP(&from.output, "output", "o", "table", "table or json")
	cmd.MarkFlagsMutuallyExclusive("url", "data")
	_ = cmd.MarkPersistentFlagDirname("data")
	cmd.AddCommand(recordingsListCommand(&from), recordingsInfoCommand(&from), recordingsDeleteCommand(&from))
	return cmd
}

func recordingsListCommand(from *recordingsSource) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List recorded streams",
		Args:  cobra.NoArgs,
		RunE:  from.list,
	}
}

// list is what the command does without a subcommand, too.
func (s *recordingsSource) list(cmd *cobra.Command, _ []string) error {
	return s.with(cmd, func(ctx context.Context, from library) error {
		var of *apppath.Path
		if s.instance != "" {
			one, _ := apppath.Parse(s.instance) // where no application is named, none is found
			of = &one
		}
		all, err := from.list(ctx, of)
		if err != nil {
			return fmt.Errorf("list recordings: %w", err)
		}
		if s.output == "json" {
			return printJSON(cmd.OutOrStdout(), all)
		}
		return printTable(cmd.OutOrStdout(), all)
	})
}

// with runs f with what the flags name.
func (s *recordingsSource) with(cmd *cobra.Command, f func(context.Context, library) error) error {
	if s.output != "table" && s.output != "json" {
		return usage(fmt.Errorf("--output %q: choose table or json", s.output))
	}
	from, err := s.open()
	if err != nil {
		return err
	}
	return errors.Join(f(cmd.Context(), from), from.close())
}
