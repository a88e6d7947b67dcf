package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const sharedObjectLong = `Look at a shared object of an instance, change it, or watch it, as a client that
connects to it does. URL is rtmp://HOST/APPLICATION/INSTANCE, or rtmps://; NAME is
the object's. One of a name is transient, and goes with its last client; another,
with --persistent, is kept on the server.

Values are JSON: true, 5, '"text"', '[1, 2]', '{"x": 1}'; before one like -5 goes
--, as in: set URL NAME SLOT -- -5. null deletes a slot. What an application asks of
its clients in connect is given with --connect, once for each.

What a server refuses it gives a code for; the reason stands in its log.

Exit codes: 0 it is done, 1 it is refused or fails, 2 the command line is wrong,
130 Ctrl-C, 143 SIGTERM.`

const sharedObjectExample = `  flashpod shared-object set rtmp://127.0.0.1/chatRoom/lobby wall topic '"Flash is back"' --persistent
  flashpod shared-object get rtmp://127.0.0.1/chatRoom/lobby wall --persistent -o json
  flashpod shared-object watch rtmp://127.0.0.1/chatRoom/lobby users --connect '"anna"'
  flashpod shared-object send rtmp://127.0.0.1/chatRoom/lobby users onMessage '"hello"'`

// sharedObject is what the flags say.
type sharedObject struct {
	door
	persistent bool
	output     string
	all        bool          // delete: all slots
	length     time.Duration // watch
	out        io.Writer
}

func sharedObjectCommand() *cobra.Command {
	var s sharedObject
	cmd := &cobra.Command{
		Use:     "shared-object",
		Short:   "Look at a shared object of an instance, change it, watch it",
		Long:    sharedObjectLong,
		Example: sharedObjectExample,
		Args:    subcommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage(errors.New("shared-object needs get, set, delete, send or watch: see flashpod shared-object --help"))
		},
	}
	f := cmd.PersistentFlags()
	f.SortFlags = false
	f.BoolVar(&s.persistent, "persistent", false, "the object of that name that is kept on the server")
	f.StringVarP(&s.output, "output", "o", "text", "text or json")
	s.door.flags(f)
	remove := s.command("delete URL NAME SLOT", "Delete a slot, or with --all every one", 2, 3, s.delete)
	remove.Flags().BoolVar(&s.all, "all", false, "delete all slots")
	watch := s.command("watch URL NAME", "Say what happens to an object, until Ctrl-C", 2, 2, s.watch)
	watch.Flags().DurationVar(&s.length, "for", 0, "stop after so long (default: with Ctrl-C)")
	cmd.AddCommand(
		s.command("get URL NAME [SLOT]", "Print a slot, or all of them", 2, 3, s.get),
		s.command("set URL NAME SLOT JSON", "Put a value into a slot", 4, 4, s.set),
		remove,
		s.command("send URL NAME HANDLER [JSON...]", "Call a handler of all clients of an object", 3, 64, s.send),
		watch,
	)
	return cmd
}

// command is a subcommand of min to max arguments.
func (s *sharedObject) command(use, short string, min, max int, run func(context.Context, *rtmp.SharedObject, []string) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < min || len(args) > max {
				return usage(fmt.Errorf("%s takes %s: see %s --help", cmd.Name(), strings.TrimPrefix(use, cmd.Name()+" "), cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.output != "text" && s.output != "json" {
				return usage(fmt.Errorf("--output %q: choose text or json", s.output))
			}
			if err := s.check(cmd, args); err != nil {
				return err
			}
			s.out = cmd.OutOrStdout()
			return orInterrupted(cmd.Context(), s.with(cmd.Context(), args, run))
		},
	}
}

// check looks at a command line before anybody is asked.
func (s *sharedObject) check(cmd *cobra.Command, args []string) error {
	if why := sharedobject.CheckName(args[1]); why != nil {
		return usage(why)
	}
	if cmd.Flags().Changed("for") && s.length <= 0 {
		return usage(fmt.Errorf("--for %v: how long is more than nothing", s.length))
	}
	if len(args) > 2 && args[2] == "" {
		return usage(errors.New("a slot, or a handler, has a name of one letter at least"))
	}
	if cmd.Name() != "set" && cmd.Name() != "send" {
		return nil
	}
	_, err := parseValues(args[3:])
	return err
}

// with connects, and runs what is to be done with the object.
func (s *sharedObject) with(ctx context.Context, args []string, run func(context.Context, *rtmp.SharedObject, []string) error) error {
	nc, err := enter(ctx, args[0], &s.door)
	if err != nil {
		return err
	}
	defer nc.Close()
	o := nc.SharedObject(args[1], s.persistent)
	if err := run(ctx, o, args[2:]); err != nil {
		return fmt.Errorf("shared object %s: %w", args[1], err)
	}
	return nil
}

func (s *sharedObject) get(ctx context.Context, o *rtmp.SharedObject, args []string) error {
	if err := step(ctx, o.Use); err != nil {
		return err
	}
	slots := o.Slots()
	if len(args) == 1 {
		v, ok := slots[args[0]]
		if !ok {
			return fmt.Errorf("no slot %q", args[0])
		}
		return s.printValue(v)
	}
	return s.printSlots(slots)
}

func (s *sharedObject) set(ctx context.Context, o *rtmp.SharedObject, args []string) error {
	value, err := parseValue(args[1])
	if err != nil {
		return err
	}
	if err := step(ctx, o.Use); err != nil {
		return err
	}
	if value == nil {
		return step(ctx, func(ctx context.Context) error { return o.Delete(ctx, args[0]) })
	}
	return step(ctx, func(ctx context.Context) error { return o.Set(ctx, args[0], value) })
}

func (s *sharedObject) delete(ctx context.Context, o *rtmp.SharedObject, args []string) error {
	if s.all == (len(args) == 1) {
		return usage(errors.New("delete needs SLOT, or --all for every one"))
	}
	if err := step(ctx, o.Use); err != nil {
		return err
	}
	if s.all {
		return step(ctx, o.Clear)
	}
	if _, ok := o.Get(args[0]); !ok {
		return fmt.Errorf("no slot %q", args[0])
	}
	return step(ctx, func(ctx context.Context) error { return o.Delete(ctx, args[0]) })
}

func (s *sharedObject) send(ctx context.Context, o *rtmp.SharedObject, args []string) error {
	values, err := parseValues(args[1:])
	if err != nil {
		return err
	}
	if err := step(ctx, o.Use); err != nil {
		return err
	}
	return step(ctx, func(ctx context.Context) error { return o.Send(ctx, args[0], values...) })
}

// watch says what happens until the end; whoever reads it too slowly holds up the
// connection, and nobody else.
func (s *sharedObject) watch(ctx context.Context, o *rtmp.SharedObject, _ []string) error {
	failed := make(chan error, 1)
	fail := func(err error) {
		if err == nil {
			return
		}
		select {
		case failed <- err:
		default:
		}
	}
	o.OnSync(func(all []rtmp.Sync) {
		for _, one := range all {
			v, _ := o.Get(one.Name)
			fail(s.printSync(one, v))
		}
	})
	o.OnSend(func(handler string, args []amf.Value) { fail(s.printSend(handler, args)) })
	if err := step(ctx, o.Use); err != nil {
		return err
	}
	var over <-chan time.Time
	if s.length > 0 {
		timer := time.NewTimer(s.length)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case err := <-failed:
		return err
	case <-o.Ended():
		return errors.New("the server closed the connection")
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
