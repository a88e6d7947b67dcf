package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func publishCommand() *cobra.Command {
	var mode string
	var fast bool
	cmd := &cobra.Command{
		Use:   "publish FILE URL",
		Short: "Publish an FLV file to an RTMP server",
		Long: `Publish an FLV file in real time, as an encoder would. URL is
rtmp://HOST/APPLICATION/INSTANCE/NAME, with ?key=KEY behind it where publishing
needs a key. The exit code is 0 when all of it was published.`,
		Example: `  flashpod publish film.flv 'rtmp://127.0.0.1/chatRoom/lobby/film?key=KEY'`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch mode {
			case "live", "record", "append":
			default:
				return fmt.Errorf("--mode %q: choose live, record or append", mode)
			}
			return publishFile(cmd.Context(), args[0], args[1], mode, fast)
		},
	}
	cmd.Flags().StringVar(&mode, "mode", "live", "live, record (the server keeps it) or append")
	cmd.Flags().BoolVar(&fast, "fast", false, "as fast as the server takes it, not in real time")
	return cmd
}

// clientTimeout bounds each step of a conversation with a server.
const clientTimeout = 15 * time.Second

func publishFile(ctx context.Context, path, url, mode string, fast bool) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	in, err := flv.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c, err := dial(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close()
	step, cancel := context.WithTimeout(ctx, clientTimeout)
	err = c.Publish(step, c.URL.Stream, mode)
	cancel()
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	p := newProgress(info.Size(), "publishing")
	defer func() { p.done(c.BytesOut(), err) }()
	err = sendTags(ctx, c, in, path, fast, p)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	// Said even when interrupted: the server finishes its recording.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), clientTimeout)
	defer cancel()
	if e := c.Unpublish(last); err == nil && e != nil {
		err = fmt.Errorf("end of publication: %w", e)
	}
	return err
}

func sendTags(ctx context.Context, c *rtmp.Client, in *flv.Reader, path string, fast bool, p *progress) error {
	started := time.Now()
	for {
		tag, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		at := time.Duration(tag.Timestamp) * time.Millisecond
		if !fast {
			if err := waitUntil(ctx, started.Add(at)); err != nil {
				return err
			}
		}
		if err := c.Send(ctx, &rtmp.Message{Type: rtmp.MessageType(tag.Type), Timestamp: tag.Timestamp, Payload: tag.Data}); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		p.at(in.Offset(), at, c.BytesOut())
	}
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

// dial connects to the application of a URL that names a stream.
func dial(ctx context.Context, url string) (*rtmp.Client, error) {
	u, err := rtmp.ParseURL(url)
	if err != nil {
		return nil, err
	}
	if u.Stream == "" {
		return nil, fmt.Errorf("URL %q names no stream: it is rtmp://HOST/APPLICATION/INSTANCE/NAME", url)
	}
	step, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	return rtmp.Connect(step, url, rtmp.Config{})
}
