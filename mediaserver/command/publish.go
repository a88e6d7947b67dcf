package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// publication is what the command line says.
type publication struct {
	door
	path, url, mode string
	start, length   time.Duration
	loop, fast      bool
}

func publishCommand() *cobra.Command {
	var p publication
	cmd := &cobra.Command{
		Use:   "publish FILE URL",
		Short: "Publish a file to an RTMP server",
		Long: `Publish an FLV, MP4, F4V, M4V, MOV or MP3 file in real time, as an encoder would;
"-" reads FLV from standard input. URL is rtmp://HOST/APPLICATION/INSTANCE/NAME, or
rtmps://, with ?key=KEY behind it where publishing needs a key.

` + exitCodes,
		Example: `  flashpod publish film.flv 'rtmp://127.0.0.1/chatRoom/lobby/film?key=KEY'

  # a channel, until Ctrl-C
  flashpod publish film.flv rtmp://127.0.0.1/live/tv/one --loop

  # what another program makes
  ffmpeg -re -i film.mp4 -c copy -f flv - | flashpod publish - rtmp://127.0.0.1/live/tv/one`,
		Args: arguments("FILE", "URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch p.mode {
			case "live", "record", "append", "appendWithGap":
			default:
				return usage(fmt.Errorf("--mode %q: choose live, record, append or appendWithGap", p.mode))
			}
			if p.start < 0 || p.length < 0 {
				return usage(errors.New("--start and --for: a time is not negative"))
			}
			p.path, p.url = args[0], args[1]
			return orInterrupted(cmd.Context(), p.run(cmd.Context(), cmd.InOrStdin()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.mode, "mode", "live", "live, record (the server keeps it), append or appendWithGap")
	f.BoolVar(&p.fast, "fast", false, "as fast as the server takes it, not in real time")
	f.DurationVar(&p.start, "start", 0, "where in the file to begin, such as 1m30s; at the keyframe before it")
	f.DurationVar(&p.length, "for", 0, "stop after so much of it (default: at its end)")
	f.BoolVar(&p.loop, "loop", false, "begin again at the end, until --for or Ctrl-C")
	p.door.flags(f)
	return cmd
}

func (p publication) run(ctx context.Context, in io.Reader) (err error) {
	src, err := openSource(p.path, p.start, p.loop, in)
	if err != nil {
		return err
	}
	defer src.close()
	c, err := dial(ctx, p.url, &p.door)
	if err != nil {
		return err
	}
	defer c.Close()
	step, cancel := context.WithTimeout(ctx, clientTimeout)
	err = c.stream.Publish(step, c.URL.Stream, p.mode)
	cancel()
	if err != nil {
		return fmt.Errorf("publish: %w", unanswered(err))
	}
	total := src.duration()
	if p.length > 0 && (total == 0 || p.length < total) {
		total = p.length
	}
	show := newProgress(total)
	defer func() { show.done(c.BytesOut(), err) }()

	sending, said := listen(ctx, c)
	err = p.send(sending, c, src, show)
	if cause := said(); cause != nil {
		return fmt.Errorf("publish: %w", cause)
	}
	// Said even when interrupted or when the file is bad: the server finishes
	// its recording.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), clientTimeout)
	defer cancel()
	if e := c.stream.Unpublish(last); err == nil && e != nil {
		err = fmt.Errorf("end of publication: %w", unanswered(e))
	}
	return err
}

// listen hears what the server says while it is sent to: sending ends when that
// is an error, or the connection is over. said stops it, and returns the error.
func listen(ctx context.Context, c *client) (sending context.Context, said func() error) {
	sending, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		defer stop()
		for {
			_, err := c.stream.Status(sending)
			if err == nil {
				continue
			}
			if sending.Err() != nil && errors.Is(err, sending.Err()) {
				err = nil // not the server's
			}
			done <- err
			return
		}
	}()
	return sending, func() error { stop(); return <-done }
}

// send sends the source, in real time unless it is to be fast.
func (p publication) send(ctx context.Context, c *client, src source, show *progress) error {
	started := time.Now()
	var payload []byte
	var at time.Duration // of the source, whose times are modulo 2^32 ms
	var last media.Timestamp
	for {
		f, err := src.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		at += f.Time.Sub(last)
		last = f.Time
		if p.length > 0 && at >= p.length {
			return nil
		}
		if !p.fast {
			if err := waitUntil(ctx, started.Add(at)); err != nil {
				return err
			}
		}
		payload = append(append(append(payload[:0], command(f)...), f.Head...), f.Data...)
		if err := c.stream.Send(ctx, &rtmp.Message{Type: rtmp.MessageType(f.Type), Timestamp: f.Time, Payload: payload}); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		show.at(at, c.BytesOut())
	}
}

// command goes before metadata, so that a server keeps it for who joins later.
func command(f media.Frame) []byte {
	if f.Type != media.TypeData {
		return nil
	}
	if handler, _, err := amf.Decode(f.Data); err != nil || handler != "onMetaData" {
		return nil
	}
	b, _ := amf.Append(nil, "@setDataFrame") // a string always has a form
	return b
}

func waitUntil(ctx context.Context, due time.Time) error {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
