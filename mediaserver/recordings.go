package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/web"
)

const keyVariable = "FLASHPOD_PUBLISH_KEY"

func recordingsCommand() *cobra.Command {
	var from recordingsSource
	var output string
	list := func(cmd *cobra.Command, _ []string) error {
		return from.with(cmd, output, func(ctx context.Context, c *recordingsClient) error {
			all, err := c.list(ctx, from.instance)
			if err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return printTable(cmd.OutOrStdout(), all)
		})
	}
	cmd := &cobra.Command{
		Use:   "recordings",
		Short: "List, describe and delete recorded streams",
		Long: `List, describe and delete the recorded streams of a server that runs (--url, its
HTTP address) or of a data folder from which none serves (--data). Without a
subcommand it lists.

Deleting needs the publish key of the instance, from --key-file or from the
environment variable ` + keyVariable + `; never from an argument, which every
user of the machine could read. Where anyone may publish there is no key, and
the server hears only those on its own machine (in a pod: kubectl port-forward).
A stream that is being recorded is not deleted; one that is being played plays
on to its end.

Exit codes: 0 it is done, 1 something is not there, is refused or fails, 2 the
command line is wrong.`,
		Example: `  flashpod recordings
  flashpod recordings --url http://127.0.0.1:8080 --instance chatRoom/lobby -o json
  flashpod recordings info film --instance chatRoom/lobby
  flashpod recordings info mp4:films/two --instance chatRoom/lobby
  flashpod recordings delete film --instance chatRoom/lobby --key-file data/chatRoom/keys/lobby.key
  flashpod recordings --data data/`,
		Args: cobra.NoArgs,
		RunE: list,
	}
	f := cmd.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&from.url, "url", "http://127.0.0.1:8080", "HTTP address of a server that runs")
	f.StringVar(&from.data, "data", "", "data folder from which no server serves, instead of --url")
	f.StringVar(&from.instance, "instance", "", "APPLICATION/INSTANCE; only APPLICATION where clients omit the instance too")
	f.StringVar(&from.keyFile, "key-file", "", "file with the publish key, for delete (default: "+keyVariable+")")
	f.StringVarP(&output, "output", "o", "table", "table or json")
	cmd.MarkFlagsMutuallyExclusive("url", "data")
	_ = cmd.MarkPersistentFlagDirname("data")

	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List recorded streams",
			Args:  cobra.NoArgs,
			RunE:  list,
		},
		&cobra.Command{
			Use:   "info NAME --instance APPLICATION/INSTANCE",
			Short: "Describe one recorded stream",
			Args:  arguments("NAME"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return from.with(cmd, output, func(ctx context.Context, c *recordingsClient) error {
					one, err := c.find(ctx, from.instance, args[0])
					if err != nil {
						return err
					}
					if output == "json" {
						return printJSON(cmd.OutOrStdout(), one)
					}
					return printOne(cmd.OutOrStdout(), one)
				})
			},
		},
		&cobra.Command{
			Use:   "delete NAME --instance APPLICATION/INSTANCE",
			Short: "Delete one recorded stream",
			Args:  arguments("NAME"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return from.with(cmd, output, func(ctx context.Context, c *recordingsClient) error {
					key, err := from.key()
					if err != nil {
						return err
					}
					if err := c.remove(ctx, from.instance, args[0], key); err != nil {
						return err
					}
					if output == "table" {
						fmt.Fprintf(cmd.OutOrStdout(), "%s is deleted.\n", args[0])
					}
					return nil
				})
			},
		})
	return cmd
}

// with runs f with a client of what the flags name.
func (s *recordingsSource) with(cmd *cobra.Command, output string, f func(context.Context, *recordingsClient) error) error {
	if output != "table" && output != "json" {
		return usage(fmt.Errorf("--output %q: choose table or json", output))
	}
	c, done, err := s.open()
	if err != nil {
		return err
	}
	return errors.Join(f(cmd.Context(), c), done())
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func printTable(w io.Writer, all []web.Recording) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tNAME\tLENGTH\tSIZE\tMODIFIED")
	for _, r := range all {
		when := r.Modified.Local().Format(time.DateTime)
		if r.Recording {
			when = "being recorded"
		}
		fmt.Fprintf(t, "%s/%s\t%s\t%s\t%s\t%s\n", r.Application, r.Instance, harmless(r.Name), humanLength(r.Seconds), humanSize(r.Bytes), when)
	}
	return t.Flush()
}

func printOne(w io.Writer, r web.Recording) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "name\t%s\ninstance\t%s/%s\nlength\t%s\nsize\t%s (%d bytes)\nmodified\t%s\n",
		harmless(r.Name), r.Application, r.Instance, humanLength(r.Seconds), humanSize(r.Bytes), r.Bytes, r.Modified.Local().Format(time.DateTime))
	if r.Recording {
		fmt.Fprintln(t, "state\tbeing recorded")
	}
	return t.Flush()
}

// harmless leaves nothing in a name that a terminal would obey.
func harmless(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}

func humanLength(seconds *float64) string {
	if seconds == nil {
		return "unknown"
	}
	d := time.Duration(*seconds * float64(time.Second)).Round(100 * time.Millisecond)
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
}

func humanSize(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/unit, 0
	for ; v >= unit && i < 4; i++ {
		v /= unit
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[i])
}
