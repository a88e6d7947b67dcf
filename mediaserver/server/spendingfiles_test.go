//go:build clients

package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// manyRecordings are beside those that questions are about.
const manyRecordings = 20000

// fileTrials are the strangers who ask about files, and those who may put files
// into the folder.
func fileTrials() []trial {
	return []trial{
		{
			name:    "Questions about names that are not there (play, getStreamLength) in a folder of 20,000 recordings, 100 at once on each of 5 connections, and lists of one recording by HTTP.",
			bound:   "an index of the folder that is kept up to date; half of the processors, one question of each connection at once",
			notices: "nothing", memory: 64 << 20, files: manyRecordings,
			least:   load{Sent: 512 << 10, Came: 128 << 10, Served: 10},
			prepare: prepareMany, send: sendMissing,
		},
		{
			name:    "Questions about a recording of 1,000,000 packets that grows.",
			bound:   "what was read stays known: only what came after it is read",
			notices: "nothing", memory: 128 << 20,
			prepare: func(folder string) error { return prepareTags(filepath.Join(folder, "growing.flv"), soundTag, 1e6) },
			least:   load{Sent: 512 << 10, Came: 32 << 10, Served: 5},
			send:    sendGrowing,
		},
		{
			name:    "Files that lie, asked for and played by 16 connections: 8 lists of 500,000 descriptors, 8,388,608 samples in a run, two tracks of 4,194,304, two of 900,000 that are true, a hole of 2 GB as a table, 200,000 fragments, a pipe.",
			bound:   "102 MB of indexes, half of them for a file, built once for all who ask; half of the processors; 64 descriptors",
			notices: "nothing: what costs too much is refused, at once from then on", memory: 192 << 20, kept: 48 << 20,
			least:   load{Sent: 256 << 10, Came: 64 << 10, Served: 16},
			prepare: prepareLies, send: sendLies,
		},
		{
			name:    "A film with samples of 16 MB, played by 40 who read nothing.",
			bound:   "64 MB of samples that are being read; pieces as the socket takes them",
			notices: "nothing", memory: 96 << 20,
			prepare: func(folder string) error { return prepareLarge(filepath.Join(folder, "large.mp4")) },
			least:   load{Served: 40},
			send:    sendLarge,
		},
		{
			name:    "A recording of 1,000,000 script tags, played by 64 streams of a connection for its data alone.",
			bound:   "half of the processors, in turns; a script tag counts as what it is",
			notices: "nothing", memory: 128 << 20, kept: 32 << 20,
			prepare: func(folder string) error { return prepareTags(filepath.Join(folder, "scripts.flv"), scriptTag, 1e6) },
			least:   load{Came: 8 << 10, Served: 1},
			send:    sendScripts,
		},
	}
}

// keyTrials is the one who has a key, and should not fill the disk with it.
func keyTrials() []trial {
	return []trial{{
		name:    "With a key: recordings of names 120 levels deep without a packet, and recordings of one packet, one after another on 2 connections.",
		bound:   "8 levels; folders come with the first packet, and go; spec.recording.maxFiles and maxTotalSize",
		notices: "nothing: Record.NoAccess or Record.Failed", memory: 64 << 20,
		least: load{Served: 10},
		send:  sendTiny, after: func(s *stranger) { s.failed(s.looksThrough()) },
	}}
}

var (
	flvHead   = []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	soundTag  = []byte{8, 0xaf, 1, 0}
	scriptTag = []byte("\x12\x02\x00\x05onCue\x00\x3f\xf0\x00\x00\x00\x00\x00\x00")
)

// appendTags appends tags to a recording: type and payload, 20 ms apart from number
// n on.
func appendTags(b, tag []byte, n, count int) []byte {
	size := len(tag) - 1
	for i := range count {
		at := 20 * (n + i)
		b = append(b, tag[0], byte(size>>16), byte(size>>8), byte(size), byte(at>>16), byte(at>>8), byte(at), byte(at>>24), 0, 0, 0)
		b = append(b, tag[1:]...)
		b = append(b, 0, 0, byte((size+11)>>8), byte(size+11))
	}
	return b
}

func prepareTags(file string, tag []byte, count int) error {
	return os.WriteFile(file, appendTags(append([]byte(nil), flvHead...), tag, 0, count), 0o644)
}

func prepareMany(folder string) error {
	one := appendTags(append([]byte(nil), flvHead...), soundTag, 0, 2)
	if err := os.MkdirAll(filepath.Join(folder, "many"), 0o755); err != nil {
		return err
	}
	for n := range manyRecordings {
		if err := os.WriteFile(filepath.Join(folder, "many", fmt.Sprintf("rec%d.flv", n)), one, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sendMissing(s *stranger) {
	var questions []byte
	for n := range 50 {
		questions = append(questions, chunks(0, "getStreamLength", nil, fmt.Sprint("many/missing", n))...)
		questions = append(questions, chunks(1, "play", nil, fmt.Sprint("many/missing", n), 0.0)...)
	}
	var all sync.WaitGroup
	all.Go(func() { s.crowd(5, func() error { return s.ask(questions) }) })
	all.Go(func() { s.crowd(2, func() error { return s.asks("/recordings?limit=1") }) })
	all.Wait()
}

// ask sends commands again and again on a connection, and reads the answers.
func (s *stranger) ask(questions []byte) error {
	nc, err := s.letIn()
	if err != nil {
		return err
	}
	defer nc.Close()
	go func() { _, _ = io.Copy(io.Discard, nc) }()
	for s.goes() {
		if _, err := nc.Write(questions); err != nil {
			return err
		}
	}
	return nil
}

func sendGrowing(s *stranger) {
	question := chunks(0, "getStreamLength", nil, "growing")
	var all sync.WaitGroup
	all.Go(func() { s.crowd(5, func() error { return s.ask(question) }) })
	all.Go(func() {
		f, err := os.OpenFile(filepath.Join(s.Folder, "growing.flv"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			s.failed(err)
			return
		}
		defer f.Close()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for n := int(1e6); s.goes(); n += 10 {
			if _, err := f.Write(appendTags(nil, soundTag, n, 10)); err != nil {
				s.failed(err)
				return
			}
			<-tick.C
		}
	})
	all.Wait()
}

func sendLies(s *stranger) {
	s.crowd(16, func() error {
		nc, err := s.letIn()
		if err != nil {
			return err
		}
		defer nc.Close()
		go func() { _, _ = io.Copy(io.Discard, nc) }()
		for s.goes() {
			for n, name := range lies {
				pour(nc, chunks(0, "getStreamLength", nil, name))
				if _, err := nc.Write(chunks(uint32(n+1), "play", nil, name, 0.0)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func sendLarge(s *stranger) {
	for range 40 {
		s.insists(func() error {
			nc, err := s.letIn()
			if err == nil {
				pour(nc, chunks(1, "play", nil, "mp4:large.mp4", 0.0))
			}
			return err
		})
	}
	s.hold()
}

func sendScripts(s *stranger) {
	s.crowd(1, func() error {
		nc, err := s.letIn()
		if err != nil {
			return err
		}
		defer nc.Close()
		for n := range uint32(64) {
			pour(nc, chunks(n+1, "play", nil, "scripts", 0.0, -1.0, 3.0))
		}
		_, err = io.Copy(io.Discard, nc) // until it is closed
		return err
	})
}

// sendTiny has a key.
func sendTiny(s *stranger) {
	deep := strings.Repeat("d/", 119) + "deep"
	publish := func(out *rtmp.NetStream, name string) bool {
		return out.Publish(s.ctx, name+"?key="+spendingKey, "record") == nil
	}
	var worker atomic.Int64
	s.crowd(2, func() error {
		me := worker.Add(1)
		conn, _, err := s.shake()
		if err != nil {
			return err
		}
		c := rtmp.NewNetConnection(conn)
		defer c.Close()
		if _, err := c.Connect(s.ctx, amf.NewObject("app", "app/one")); err != nil {
			return err
		}
		out, err := c.CreateStream(s.ctx)
		if err != nil {
			return err
		}
		for n := 0; s.goes(); n++ {
			if publish(out, deep) { // it is, and not recorded
				_ = out.Unpublish(s.ctx)
			}
			if !publish(out, fmt.Sprintf("tiny/w%d-%d", me, n)) {
				return nil
			}
			s.served.Add(1)
			_ = out.Send(s.ctx, &rtmp.Message{Type: rtmp.TypeAudio, Payload: soundTag[1:]})
			_ = out.Unpublish(s.ctx)
		}
		return nil
	})
}

// looksThrough says what there should not be among the recordings.
func (s *stranger) looksThrough() error {
	entries, deepest := 0, 0
	err := filepath.WalkDir(s.Folder, func(path string, _ fs.DirEntry, err error) error {
		entries++
		deepest = max(deepest, strings.Count(strings.TrimPrefix(path, s.Folder), "/"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has gone meanwhile
		}
		return err
	})
	if err == nil && (entries > 120 || deepest > 3) {
		err = fmt.Errorf("there are %d files and folders, %d levels deep", entries, deepest)
	}
	return err
}

// lies are files that say what is not so, and the pipe.
var lies = []string{"mp4:descriptors.mp4", "mp4:run.mp4", "mp4:tables.mp4", "mp4:true.mp4", "mp4:hole.mp4", "mp4:fragments.mp4", "pipe"}

func prepareLies(folder string) error {
	at := func(name string) string { return filepath.Join(folder, name) }
	return errors.Join(
		prepareDescriptors(at("descriptors.mp4")),
		prepareRun(at("run.mp4")),
		prepareTables(at("tables.mp4"), 4<<20),
		prepareTables(at("true.mp4"), 900000),
		prepareHole(at("hole.mp4")),
		prepareFragments(at("fragments.mp4")),
		syscall.Mkfifo(at("pipe.flv"), 0o644),
	)
}
