package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/web"
)

const instancesLong = `List and describe the instances that a server has (--url, its HTTP address), with
their clients, streams, shared objects and script errors; end the connection of a client, or
all of an instance. Without a subcommand it lists.

INSTANCE is APPLICATION/INSTANCE; only APPLICATION where clients omit the instance
too. An instance that is unloaded ends all of its connections: one that started
on demand is gone then, and starts anew with its next client; one that a
manifest names is there again at once.

kick and unload need the publish key of the instance, from --key-file or from the
environment variable ` + keyVariable + `. Where anyone may publish there is no
key, and the server hears only those on its own machine (in a pod: kubectl
port-forward).

Exit codes: 0 it is done, 1 something is not there, is refused or fails, 2 the
command line is wrong.`

const instancesExample = `  flashpod instances
  flashpod instances --url http://127.0.0.1:8080 --application chatRoom -o json
  flashpod instances info chatRoom/lobby
  flashpod instances kick chatRoom/lobby 1b9d6bcd --key-file data/chatRoom/keys/lobby.key
  flashpod instances unload chatRoom/lobby --key-file data/chatRoom/keys/lobby.key`

// instancesSource is what the flags say.
type instancesSource struct {
	url, application, keyFile, output string
}

func instancesCommand() *cobra.Command {
	var from instancesSource
	cmd := &cobra.Command{
		Use:     "instances",
		Short:   "List and describe instances that run, end their clients",
		Long:    instancesLong,
		Example: instancesExample,
		Args:    subcommands,
		RunE:    from.list,
	}
	f := cmd.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&from.url, "url", "http://127.0.0.1:8080", "HTTP address of the server")
	f.StringVar(&from.application, "application", "", "list the instances of one application")
	f.StringVar(&from.keyFile, "key-file", "", "file with the publish key, for kick and unload (default: "+keyVariable+")")
	f.StringVarP(&from.output, "output", "o", "table", "table or json")
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List instances", Args: cobra.NoArgs, RunE: from.list,
	}, &cobra.Command{
		Use: "info INSTANCE", Short: "Describe an instance, and what is in it", Args: arguments("INSTANCE"), RunE: from.info,
	}, &cobra.Command{
		Use: "kick INSTANCE CLIENT", Short: "End the connection of a client", Args: arguments("INSTANCE", "CLIENT"), RunE: from.kick,
	}, &cobra.Command{
		Use: "unload INSTANCE", Short: "End all connections of an instance, and itself", Args: arguments("INSTANCE"), RunE: from.unload,
	})
	return cmd
}

// with runs f with the server that the flags name.
func (s *instancesSource) with(f func(*httpServer) error) error {
	if s.output != "table" && s.output != "json" {
		return usage(fmt.Errorf("--output %q: choose table or json", s.output))
	}
	server, err := openHTTP(s.url, "name the server's HTTP address with --url")
	if err != nil {
		return err
	}
	defer server.http.CloseIdleConnections()
	return f(server)
}

// pages follows pages to the last; T is one of them, take keeps what it has and
// returns where the next is.
func pages[T any](ctx context.Context, c *httpServer, first string, take func(T) (next string)) error {
	for next := first; next != ""; {
		var page T
		if err := c.call(ctx, "GET", next, "", &page); err != nil {
			return err
		}
		next = take(page)
	}
	return nil
}

func (s *instancesSource) list(cmd *cobra.Command, _ []string) error {
	return s.with(func(c *httpServer) error {
		query := url.Values{"limit": {fmt.Sprint(pageSize)}}
		if s.application != "" {
			query.Set("application", s.application)
		}
		all := []web.Instance{}
		err := pages(cmd.Context(), c, "/instances?"+query.Encode(), func(p web.InstancePage) string {
			all = append(all, p.Instances...)
			if p.Elsewhere != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), p.Elsewhere)
			}
			return p.Next
		})
		if err != nil {
			return fmt.Errorf("list instances: %w", err)
		}
		if s.output == "json" {
			return printJSON(cmd.OutOrStdout(), all)
		}
		return printInstances(cmd.OutOrStdout(), all)
	})
}

// parseInstance reads the name of an instance.
func parseInstance(name string) (apppath.Path, error) {
	of, ok := apppath.Parse(name)
	if !ok {
		return of, usage(fmt.Errorf("instance %q: it is APPLICATION/INSTANCE, or APPLICATION where clients omit the instance", name))
	}
	return of, nil
}

func instancePath(of apppath.Path) string {
	return "/instances/" + url.PathEscape(of.Application) + "/" + url.PathEscape(of.Instance)
}

// wholeInstance is an instance and all that is in it.
type wholeInstance struct {
	web.Instance
	Clients       []web.Client       `json:"clientList"`
	Streams       []web.Stream       `json:"streamList"`
	SharedObjects []web.SharedObject `json:"sharedObjectList"`
	ScriptErrors  []web.ScriptError  `json:"scriptErrorList"` // the last ones, the newest first
}

func (s *instancesSource) info(cmd *cobra.Command, args []string) error {
	of, err := parseInstance(args[0])
	if err != nil {
		return err
	}
	return s.with(func(c *httpServer) error {
		one, err := readInstance(cmd.Context(), c, of)
		if err != nil {
			return fmt.Errorf("instance %s: %w", of, err)
		}
		if s.output == "json" {
			return printJSON(cmd.OutOrStdout(), one)
		}
		return printInstance(cmd.OutOrStdout(), one)
	})
}

func readInstance(ctx context.Context, c *httpServer, of apppath.Path) (one wholeInstance, err error) {
	at := instancePath(of)
	one.Clients, one.Streams, one.SharedObjects = []web.Client{}, []web.Stream{}, []web.SharedObject{}
	most := fmt.Sprintf("?limit=%d", pageSize)
	err = c.call(ctx, "GET", at, "", &one.Instance)
	if err == nil {
		err = pages(ctx, c, at+"/clients"+most, func(p web.ClientPage) string {
			one.Clients = append(one.Clients, p.Clients...)
			return p.Next
		})
	}
	if err == nil {
		err = pages(ctx, c, at+"/streams"+most, func(p web.StreamPage) string {
			one.Streams = append(one.Streams, p.Streams...)
			return p.Next
		})
	}
	if err == nil {
		err = pages(ctx, c, at+"/shared-objects"+most, func(p web.SharedObjectPage) string {
			one.SharedObjects = append(one.SharedObjects, p.SharedObjects...)
			return p.Next
		})
	}
	if err == nil {
		var report web.ScriptReport
		err = c.call(ctx, "GET", at+"/script-errors", "", &report)
		one.ScriptErrors = append([]web.ScriptError{}, report.Errors...)
	}
	return one, err
}

// change has something of an instance ended, and says so.
func (s *instancesSource) change(cmd *cobra.Command, name, rest, did string) error {
	of, err := parseInstance(name)
	if err != nil {
		return err
	}
	return s.with(func(c *httpServer) error {
		key, err := publishKey(s.keyFile)
		if err == nil {
			err = c.change(cmd.Context(), instancePath(of)+rest, of, key)
		}
		if err != nil || s.output == "json" {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), did)
		return nil
	})
}

func (s *instancesSource) kick(cmd *cobra.Command, args []string) error {
	if args[1] == "" {
		return usage(errors.New("which client? flashpod instances info lists them"))
	}
	err := s.change(cmd, args[0], "/clients/"+url.PathEscape(args[1]), "The connection of "+harmless(args[1])+" is ended.")
	if err != nil {
		return fmt.Errorf("kick %s: %w", args[1], err)
	}
	return nil
}

func (s *instancesSource) unload(cmd *cobra.Command, args []string) error {
	if err := s.change(cmd, args[0], "", harmless(args[0])+" is unloaded."); err != nil {
		return fmt.Errorf("unload %s: %w", args[0], err)
	}
	return nil
}
