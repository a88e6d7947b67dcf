package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const callLong = `Call a method of an instance, as NetConnection.call of a client does, and print
what it returns. URL is rtmp://HOST/APPLICATION/INSTANCE, or rtmps://.

Arguments are JSON: true, 5, '"text"', '[1, 2]', '{"x": 1}', null; before one like
-5 goes --, as in: call URL METHOD -- -5. What an application asks of its clients in
connect is given with --connect, once for each.

Exit codes: 0 it has returned, 1 it is refused or fails, 2 the command line is
wrong, 130 Ctrl-C, 143 SIGTERM.`

const callExample = `  flashpod call rtmp://127.0.0.1/vod/_definst_ getStreamLength '"mp4:film"'
  flashpod call rtmp://127.0.0.1/chatRoom/lobby say '"hello"' --connect '"anna"' -o json`

// call is what the flags say.
type call struct {
	door
	output string
}

func callCommand() *cobra.Command {
	var c call
	cmd := &cobra.Command{
		Use:     "call URL METHOD [JSON...]",
		Short:   "Call a method of an instance, and print what it returns",
		Long:    callLong,
		Example: callExample,
		Args:    atLeast("URL", "METHOD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return orInterrupted(cmd.Context(), c.run(cmd, args[0], args[1], args[2:]))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&c.output, "output", "o", "text", "text or json")
	c.door.flags(f)
	return cmd
}

func (c *call) run(cmd *cobra.Command, to, method string, words []string) error {
	if c.output != "text" && c.output != "json" {
		return usage(fmt.Errorf("--output %q: choose text or json", c.output))
	}
	if method == "" {
		return usage(errors.New("METHOD has no letter"))
	}
	args, err := parseValues(words)
	if err != nil {
		return err
	}
	nc, err := enter(cmd.Context(), to, &c.door)
	if err != nil {
		return err
	}
	defer nc.Close()
	var got []amf.Value
	err = step(cmd.Context(), func(ctx context.Context) (err error) {
		got, err = nc.Call(ctx, method, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	var v amf.Value
	if len(got) > 0 {
		v = got[0]
	}
	if c.output == "json" {
		return printJSON(cmd.OutOrStdout(), amf.Plain(v))
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), text(v))
	return err
}

// parseValues makes values of JSON.
func parseValues(words []string) (all []amf.Value, err error) {
	for _, word := range words {
		v, err := parseValue(word)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// enter connects to the application of a URL that names no stream, with what it asks
// of its clients.
func enter(ctx context.Context, raw string, d *door) (*rtmp.NetConnection, error) {
	u, err := url.Parse(raw)
	if err == nil {
		if err = nameStream(u); err != nil {
			return nil, usage(err)
		}
		if _, err = rtmp.ParseURL(u.String()); err != nil {
			err = errors.New(strings.ReplaceAll(err.Error(), u.String(), raw)) // what was typed
		}
	}
	if err != nil {
		return nil, usage(err)
	}
	cfg, args, err := d.open()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	conn, to, err := rtmp.Dial(ctx, u.String(), cfg)
	if err != nil {
		return nil, unanswered(err)
	}
	nc := rtmp.NewNetConnection(conn)
	nc.URL = to
	if _, err := nc.Connect(ctx, to.ConnectObject(), args...); err != nil {
		nc.Close()
		return nil, unanswered(fmt.Errorf("connect to %s: %w", to.TCURL(), err))
	}
	return nc, nil
}

// nameStream puts a stream's name into the URL of an application, for who cuts it off.
func nameStream(u *url.URL) error {
	if !rtmp.NamesOrigin(u) {
		u.Path = strings.TrimRight(u.Path, "/") + "/-"
		return nil
	}
	far, err := url.Parse(u.RawQuery)
	if err != nil {
		return fmt.Errorf("RTMP URL behind the question mark: %w", err)
	}
	far.Path = strings.TrimRight(far.Path, "/") + "/-"
	u.RawQuery = far.String()
	return nil
}

// step bounds one question to the server.
func step(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	return unanswered(f(ctx))
}
