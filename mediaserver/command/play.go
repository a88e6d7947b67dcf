package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// playback is what the command line says.
type playback struct {
	door
	url    string
	from   time.Duration // see rtmp.NetStream.Play
	length time.Duration
	output string
}

func playCommand() *cobra.Command {
	var p playback
	var start time.Duration
	var live bool
	cmd := &cobra.Command{
		Use:   "play URL [-o FILE]",
		Short: "Play a stream from an RTMP server, into an FLV file",
		Long: `Play a live or recorded stream and write it to an FLV file, to standard output
with -o -, or, without -o, only receive it and say how much came. URL is
rtmp://HOST/APPLICATION/INSTANCE/NAME, or rtmps://; NAME of a file that the server
did not record itself is mp4:NAME (MP4, F4V, M4V, MOV) or mp3:NAME. A name that is
neither published nor recorded is waited for.

It ends with the stream, after --for, or with Ctrl-C; the file is whole in each
case. It has failed when the stream is not there or nothing came.

` + exitCodes,
		Example: `  flashpod play rtmp://127.0.0.1/chatRoom/lobby/film -o film.flv
  flashpod play rtmp://127.0.0.1/chatRoom/lobby/mp4:film --start 1m30s -o end.flv
  flashpod play rtmp://127.0.0.1/live/tv/one --live --for 10s
  flashpod play rtmp://127.0.0.1/live/tv/one -o - | ffmpeg -i - -c copy one.mp4`,
		Args: arguments("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.from = rtmp.PlayAny
			switch {
			case live && cmd.Flags().Changed("start"):
				return usage(errors.New("--live and --start: a live stream has no start"))
			case start < 0 || p.length < 0:
				return usage(errors.New("--start and --for: a time is not negative"))
			case p.output == "-" && term.IsTerminal(int(os.Stdout.Fd())):
				return usage(errors.New("-o -: standard output is a terminal, where nobody can read FLV"))
			case live:
				p.from = rtmp.PlayLive
			case cmd.Flags().Changed("start"):
				p.from = start
			}
			p.url = args[0]
			return orInterrupted(cmd.Context(), p.run(cmd.Context(), cmd.OutOrStdout()))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&p.output, "output", "o", "", "FLV file to write, replaced when it is there; - for standard output")
	f.DurationVar(&start, "start", 0, "where in a recorded stream to begin, such as 1m30s; pictures since the keyframe before it come all at its time")
	f.BoolVar(&live, "live", false, "only live, and wait for a publisher")
	f.DurationVar(&p.length, "for", 0, "stop after so much of it, or so long (default: with the stream)")
	p.door.flags(f)
	return cmd
}

// sayWaiting is after how much silence a user is told what is waited for.
const sayWaiting = 3 * time.Second

var errEnough = errors.New("as much as was asked for")

func (p playback) run(ctx context.Context, stdout io.Writer) (err error) {
	sink := &sink{path: p.output, stdout: stdout, start: max(p.from, 0)}
	c, err := dial(ctx, p.url, &p.door)
	if err != nil {
		return err
	}
	defer c.Close()
	show := newProgress(0)
	wait, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if p.length > 0 {
		defer time.AfterFunc(p.length, func() { cancel(errEnough) }).Stop()
	}
	first := make(chan struct{})
	c.stream.OnMedia(func(m *rtmp.Message) error {
		if forPlayer(m) {
			sink.hears(m)
			return nil
		}
		at := sink.clock(m)
		if p.length > 0 && at >= p.length {
			cancel(errEnough)
			return nil
		}
		if m.Type != rtmp.TypeData && sink.media == 0 {
			close(first)
			show.of(shorter(sink.left(), p.length))
		}
		show.at(at, c.BytesIn())
		if err := sink.write(m, media.TimestampAt(at)); err != nil {
			cancel(err)
		}
		return nil
	})
	step, stop := context.WithTimeout(wait, clientTimeout)
	err = c.stream.Play(step, c.URL.Stream, p.from)
	stop()
	if err != nil && wait.Err() == nil {
		return fmt.Errorf("play: %w", unanswered(err))
	}
	end := make(chan struct{})
	defer close(end)
	go sayWhatIsWaitedFor(show, first, end, c.URL.Stream)
	err = c.ended(wait)
	in := c.BytesIn()
	c.Close() // nothing is written any more
	err = errors.Join(err, sink.close())
	if err == nil && sink.media == 0 {
		err = errors.New("nothing came")
	}
	show.done(in, err)
	return err
}

// ended waits for the end of what plays. Of a ctx that ends earlier it is an
// error why, unless it is that as much came as was asked for.
func (c *client) ended(ctx context.Context) error {
	_, err := c.stream.Await(ctx, "NetStream.Play.Stop", "NetStream.Play.UnpublishNotify")
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errEnough):
		return nil
	case cause != nil:
		return cause // the user's, or the file's
	case err != nil:
		return fmt.Errorf("play: %w", err)
	}
	return nil
}

func sayWhatIsWaitedFor(show *progress, first, end <-chan struct{}, stream string) {
	timer := time.NewTimer(sayWaiting)
	defer timer.Stop()
	select {
	case <-timer.C:
		show.say(fmt.Sprintf("nothing has come yet: waiting for somebody to publish %s (Ctrl-C ends it)", withoutQuery(stream)))
	case <-first:
	case <-end:
	}
}

func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
