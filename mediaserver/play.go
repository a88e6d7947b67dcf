package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func playCommand() *cobra.Command {
	var output string
	var start, length time.Duration
	var live bool
	cmd := &cobra.Command{
		Use:   "play URL [-o FILE]",
		Short: "Play a stream from an RTMP server, into an FLV file",
		Long: `Play a live or recorded stream and write it to an FLV file, or, without -o, only
receive it and say how much came. URL is rtmp://HOST/APPLICATION/INSTANCE/NAME.
It ends with the stream, after --for, or with Ctrl-C; the file is whole in each
case. The exit code is 1 when the stream is not there or nothing came.`,
		Example: `  flashpod play rtmp://127.0.0.1/chatRoom/lobby/film -o film.flv
  flashpod play rtmp://127.0.0.1/live/cam --live --for 10s`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from := -2000.0
			switch {
			case live && cmd.Flags().Changed("start"):
				return errors.New("--live and --start: a live stream has no start")
			case live:
				from = -1000
			case cmd.Flags().Changed("start"):
				from = float64(start.Milliseconds())
			}
			return playStream(cmd.Context(), args[0], from, length, output)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&output, "output", "o", "", "FLV file to write; replaced when it is there")
	f.DurationVar(&start, "start", 0, "where in a recorded stream to begin, such as 30s")
	f.BoolVar(&live, "live", false, "only live, and wait for a publisher")
	f.DurationVar(&length, "for", 0, "stop after so long (default: with the stream)")
	return cmd
}

func playStream(ctx context.Context, url string, from float64, length time.Duration, output string) (err error) {
	sink := &fileSink{}
	c, err := dial(ctx, url)
	if err != nil {
		return err
	}
	defer func() {
		c.Close() // nothing is written any more
		err = errors.Join(err, sink.close())
	}()
	if output != "" {
		if err := sink.create(output); err != nil {
			return err
		}
	}
	p := newProgress(-1, "playing")
	step, cancel := context.WithTimeout(ctx, clientTimeout)
	err = c.Play(step, c.URL.Stream, from, func(m *rtmp.Message) error {
		if forPlayer(m) {
			return nil
		}
		time := sink.clock(m)
		p.at(int64(c.BytesIn()), time, c.BytesIn())
		return sink.write(m, uint32(time.Milliseconds()))
	})
	cancel()
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	wait := ctx
	if length > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, length)
		defer cancel()
	}
	_, err = c.Await(wait, "NetStream.Play.Stop", "NetStream.Play.UnpublishNotify")
	if wait.Err() != nil {
		err = nil // the time is over, or the user has seen enough
	}
	c.Close()
	if err == nil {
		err = sink.err
	}
	if err == nil && sink.media == 0 {
		err = errors.New("nothing came")
	}
	p.done(c.BytesIn(), err)
	return err
}

// fileSink writes messages to an FLV file, if there is one. It is used by the
// connection's goroutine until the connection is closed.
type fileSink struct {
	f     *os.File
	w     *flv.Writer
	media int
	base  uint32 // timestamp of the first audio or video
	err   error
}

// forPlayer says whether a data message speaks to a player about its playback,
// and is no part of the stream.
func forPlayer(m *rtmp.Message) bool {
	if m.Type != rtmp.TypeData {
		return false
	}
	handler, _, err := amf.Decode(m.Payload)
	return err != nil || handler == "onStatus" || handler == "onPlayStatus" || handler == "|RtmpSampleAccess"
}

// clock turns timestamps into times from the first picture or sound on.
func (s *fileSink) clock(m *rtmp.Message) time.Duration {
	if m.Type == rtmp.TypeData && s.media == 0 {
		return 0
	}
	if s.media == 0 {
		s.base = m.Timestamp
	}
	return time.Duration(max(0, int32(m.Timestamp-s.base))) * time.Millisecond
}

func (s *fileSink) create(path string) (err error) {
	if s.f, err = os.Create(path); err != nil {
		return err
	}
	s.w, err = flv.Create(s.f)
	return err
}

func (s *fileSink) write(m *rtmp.Message, at uint32) error {
	if m.Type != rtmp.TypeData {
		s.media++
	}
	if s.w == nil || s.err != nil || m.Type == rtmp.TypeData && s.w.SetMeta(m.Payload) {
		return s.err
	}
	s.err = s.w.Write(flv.Tag{Type: uint8(m.Type), Timestamp: at, Data: m.Payload})
	if s.err == nil && s.w.Buffered() > 256<<10 {
		s.err = s.w.Flush()
	}
	return s.err
}

func (s *fileSink) close() error {
	if s.f == nil {
		return nil
	}
	var err error
	if s.w != nil && s.err == nil {
		err = s.w.Finish()
	}
	return errors.Join(s.err, err, s.f.Close())
}
