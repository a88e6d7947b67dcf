package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

func TestPercentile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for p, want := range map[float64]float64{0: 1, 50: 3, 99: 5, 100: 5, 20: 1, 21: 2} {
		if got := percentile(values, p); got != want {
			t.Errorf("percentile %v of 1 to 5 is %v, want %v", p, got, want)
		}
	}
	if got := percentile(nil, 50); !math.IsNaN(got) {
		t.Errorf("percentile of nothing is %v", got)
	}
}

func TestProcFiles(t *testing.T) {
	if got, err := parseSchedstat([]byte("1500000 44 3\n")); err != nil || got != 1500*time.Microsecond {
		t.Errorf("schedstat: %v, %v", got, err)
	}
	stat := "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 5 1 1"
	if got, err := parseStat([]byte(stat)); err != nil || got != 420*time.Millisecond {
		t.Errorf("stat: %v, %v", got, err)
	}
	if got, err := parseRSS([]byte("VmHWM:\t  900 kB\nVmRSS:\t     812 kB\n")); err != nil || got != 812<<10 {
		t.Errorf("status: %d, %v", got, err)
	}
	if _, err := parseRSS([]byte("Name: x\n")); err == nil {
		t.Error("a status without VmRSS is no error")
	}
	if u, err := used(os.Getpid()); err != nil || u.cpu <= 0 || u.rss <= 0 {
		t.Errorf("of this process: %+v, %v", u, err)
	}
}

func TestParsePages(t *testing.T) {
	got, err := parsePages([]byte(`{"what":"age","figure":"p50 300 ms","against":"30 pictures"}` + "\n" + `{"what":"calls","figure":"12"}` + "\n"))
	if err != nil || len(got) != 2 || got[0].figure != "p50 300 ms" || got[0].floor != "30 pictures" || got[1].what != "calls" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "Error: no browser", `{"what":"age"}`} {
		if got, err := parsePages([]byte(bad)); err == nil {
			t.Errorf("%q: %v, and no error", bad, got)
		}
	}
}

func TestSelectRows(t *testing.T) {
	got, err := selectRows("vod, fanout")
	if err != nil || len(got) != 2 || got[0].name != "vod" || got[1].name != "fanout" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := selectRows("fanout,nothing"); err == nil {
		t.Error("an unknown row is taken")
	}
}

// TestParser splits one conversation in every way, with all forms of headers.
func TestParser(t *testing.T) {
	long := bytes.Repeat([]byte{1, 2, 3}, 500)
	b := rtmp.AppendChunks(nil, &rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 10, Payload: long}, 128)
	b = append(b, 0x46, 0, 0, 5, 0, 0, 3, 9, 7, 7, 7) // form 1: 5 ms later, 3 bytes
	b = append(b, 0x86, 0, 0, 6, 8, 8, 8)             // form 2: 6 ms later
	b = append(b, 0xc6, 9, 9, 9)                      // form 3: the same again
	b = append(b, rtmp.AppendChunks(nil, rtmp.SetChunkSize(4096), 128)...)
	b = rtmp.AppendChunks(b, &rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 0x1000000, Payload: long}, 4096)
	type seen struct {
		time media.Timestamp
		size int
		last byte
	}
	want := []seen{{10, 1500, 3}, {15, 3, 7}, {21, 3, 8}, {27, 3, 9}, {0, 4, 0}, {0x1000000, 1500, 3}}
	for piece := 1; piece <= len(b); piece++ {
		p := newParser()
		var got []seen
		for at := 0; at < len(b); at += piece {
			if err := p.feed(b[at:min(at+piece, len(b))], func(m message) {
				got = append(got, seen{m.time, m.size, m.head[len(m.head)-1]})
			}); err != nil {
				t.Fatalf("in pieces of %d: %v", piece, err)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("in pieces of %d: %d messages, want %d", piece, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("in pieces of %d: message %d is %v, want %v", piece, i, got[i], want[i])
			}
		}
	}
	if err := newParser().feed([]byte{0xc6}, func(message) {}); err == nil {
		t.Error("a header of form 3 without one before is taken")
	}
}

// TestStream holds the published stream to what the rows claim of it.
func TestStream(t *testing.T) {
	if rate := bytesPerSecond() * 8 / 1e6; rate < 1.05 || rate > 1.15 {
		t.Errorf("the stream has %.2f Mbit/s", rate)
	}
	audio, last := 0, -1
	for n := range 10 * frameRate {
		for _, ms := range makeUnit(n).audio {
			if int(ms) <= last {
				t.Fatalf("audio at %d ms comes behind %d", ms, last)
			}
			audio, last = audio+1, int(ms)
		}
	}
	if audio < 430 || audio > 432 {
		t.Errorf("%d audio messages in 10 s, want 44,100/1,024 a second", audio)
	}
}

// TestSetter reads what a client of the object says with the server's own parser.
func TestSetter(t *testing.T) {
	for _, chat := range []bool{false, true} {
		s := &setter{chat: chat}
		p := newParser()
		p.chunk = chunkSize
		var got *sharedobject.Message
		if err := p.feed(s.words(7), func(m message) {
			var err error
			if got, err = sharedobject.Parse(m.head, 1<<20); err != nil || m.size > len(m.head) {
				t.Errorf("a message of %d bytes: %v", m.size, err)
			}
		}); err != nil || got == nil {
			t.Fatal(got, err)
		}
		if want := map[bool]int{false: slotsTold, true: 1}[chat]; len(got.Events) != want || got.Name != objectName {
			t.Errorf("%d events about %s, want %d", len(got.Events), got.Name, want)
		}
	}
}

// TestLookers hears of changes that came together, of each when the last has read it.
func TestLookers(t *testing.T) {
	k := &lookers{&witnesses{load: &loader{}}, map[*player]int{}, map[float64]float64{}}
	k.begin()
	stamp := func(ms int) sharedobject.Event {
		v, err := sharedobject.NewValue(float64(ms) * 1e6)
		if err != nil {
			t.Fatal(err)
		}
		return sharedobject.Event{Type: sharedobject.Change, Name: stampSlot, Value: v}
	}
	var events []sharedobject.Event
	for i := range 100 {
		events = append(events, stamp(i))
	}
	for i, now := range []int64{150, 250} {
		p := newParser()
		p.chunk, p.keep = chunkSize, wholeSize
		k.load.now = now * 1e6
		who := &player{}
		if err := p.feed(objectWords(events...), func(m message) { k.hear(who, m) }); err != nil || k.changes[who] != len(events) {
			t.Fatalf("reader %d: %d changes, %v", i, k.changes[who], err)
		}
	}
	if k.lost != 0 || len(k.late) != len(events) || k.late[0] != 250 || k.late[99e6] != 151 {
		t.Errorf("%d lost, %d stamps, %v and %v ms", k.lost, len(k.late), k.late[0], k.late[99e6])
	}
}

// TestFLV reads what is written with the server's own reader.
func TestFLV(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a", "film.flv")
	if err := writeFLV(name, 3*frameRate); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := flv.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	pictures := 0
	for {
		tag, err := in.Next()
		if err != nil {
			break
		}
		if tag.Type == flv.TypeVideo && !payload.IsVideoHeader(tag.Data) {
			pictures++
		}
	}
	if pictures != 3*frameRate {
		t.Errorf("%d pictures, want %d", pictures, 3*frameRate)
	}
}

// TestSVG lets an XML reader look at a picture, and at names that need care.
func TestSVG(t *testing.T) {
	out := svg([]panel{{
		title: "a < b", x: "x", y: "y",
		lines: []curve{{name: "one", x: []float64{1, 10, 100}, y: []float64{1, 5, 47}}, {name: "two", x: []float64{1}, y: []float64{1}}},
	}})
	d := xml.NewDecoder(strings.NewReader(out))
	circles, said := 0, ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "circle" {
				circles++
			}
		case xml.CharData:
			said += string(token)
		}
	}
	if circles != 4 || !strings.Contains(said, "a < b") {
		t.Errorf("%d circles, want 4; text %q", circles, said)
	}
	for _, c := range []struct {
		lowest, highest float64
		want            []float64
	}{
		{3, 47, []float64{2, 5, 10, 20, 50}},
		{1, 1, []float64{1}},
		{0.5, 2, []float64{0.5, 1, 2}},
		{120, 130, []float64{100, 200}},
	} {
		if got := decades(c.lowest, c.highest); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("ticks from %v to %v are %v, want %v", c.lowest, c.highest, got, c.want)
		}
	}
}
