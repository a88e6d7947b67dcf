package main

import (
	"encoding/binary"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// What a client sends is always the same bytes, made once.

const (
	hello     = 1 + 1536        // C0 and C1
	answer    = 1 + 1536 + 1536 // S0, S1 and S2
	chunkSize = 4096            // of what this side sends, as encoders do
	ackEvery  = 1 << 20         // received bytes, well within every server's window
)

// firstWords are C0 and C1.
func firstWords() []byte {
	b := make([]byte, hello)
	b[0] = 3
	for i := 9; i < len(b); i++ {
		b[i] = byte(i*29 + i>>8)
	}
	return b
}

// command encodes a command in chunks of a size.
func command(size int, id uint32, name string, transaction float64, object amf.Value, args ...amf.Value) []byte {
	m, err := rtmp.NewCommand(id, name, transaction, object, args...)
	if err != nil {
		panic(fmt.Sprintf("bench: command of constant shape: %v", err))
	}
	return rtmp.AppendChunks(nil, m, size)
}

func connectWords(host, app string) []byte {
	b := rtmp.AppendChunks(nil, rtmp.SetChunkSize(chunkSize), 128)
	return append(b, command(chunkSize, 0, "connect", 1, amf.NewObject(
		"app", app, "flashVer", "LNX 32,0,0,0", "tcUrl", "rtmp://"+host+"/"+app,
		"fpad", false, "capabilities", 15, "audioCodecs", 4071, "videoCodecs", 252, "videoFunction", 1))...)
}

func createStreamWords() []byte { return command(chunkSize, 0, "createStream", 2, nil) }

// playWords ask for a stream from ms on; -2000 for live.
func playWords(name string, ms float64) []byte {
	return command(chunkSize, 1, "play", 0, nil, name, ms)
}

func seekWords(ms float64) []byte { return command(chunkSize, 1, "seek", 0, nil, ms) }

func publishWords(name, kind string) []byte {
	return command(chunkSize, 1, "publish", 0, nil, name, kind)
}

// ackWords acknowledge n received bytes.
func ackWords(n uint64) []byte {
	b := []byte{2, 0, 0, 0, 0, 0, 4, byte(rtmp.TypeAck), 0, 0, 0, 0}
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// headSize is how much of a message a parser keeps: enough for every status
// and for what publishers stamp into their frames.
const headSize = 768

// wholeSize is what one keeps that is for messages of shared objects: several changes
// at once, when the server is late, and those are the ones that must not be missed.
const wholeSize = 64 << 10

// message is what a parser has found. head is valid during the call.
type message struct {
	kind rtmp.MessageType
	time media.Timestamp
	size int
	head []byte
}

// parser takes a server's bytes apart, however they are split, and keeps no
// media: only the beginning of each message.
type parser struct {
	chunk  int
	chunks map[uint32]*incoming
	header []byte // of the chunk that begins
	now    *incoming
	left   int // bytes of the current chunk
	keep   int // bytes of each message
}

type incoming struct {
	time, delta media.Timestamp
	size        int
	kind        rtmp.MessageType
	extended    bool
	head        []byte
	got         int
}

func newParser() *parser { return &parser{chunk: 128, chunks: map[uint32]*incoming{}, keep: headSize} }

// feed hands every message that b completes to emit.
func (p *parser) feed(b []byte, emit func(message)) error {
	for len(b) > 0 {
		if p.now == nil {
			p.header = append(p.header, b[0])
			b = b[1:]
			if err := p.begin(); err != nil {
				return err
			}
			if p.now == nil || p.left > 0 {
				continue
			}
		}
		n := min(p.left, len(b))
		m := p.now
		if room := p.keep - len(m.head); room > 0 {
			m.head = append(m.head, b[:min(n, room)]...)
		}
		m.got += n
		p.left -= n
		b = b[n:]
		if p.left > 0 {
			continue
		}
		p.now = nil
		if m.got < m.size {
			continue
		}
		if m.kind == rtmp.TypeSetChunkSize && m.size == 4 {
			p.chunk = int(binary.BigEndian.Uint32(m.head))
		}
		emit(message{kind: m.kind, time: m.time, size: m.size, head: m.head})
		m.head, m.got = m.head[:0], 0
	}
	return nil
}

// begin sets now once the header is whole [SPEC §5.3.1].
func (p *parser) begin() error {
	h := p.header
	basic := 1
	id := uint32(h[0] & 0x3f)
	if id < 2 {
		basic += 1 + int(id)
	}
	if len(h) < basic {
		return nil
	}
	switch id {
	case 0:
		id = 64 + uint32(h[1])
	case 1:
		id = 64 + uint32(h[1]) + uint32(h[2])<<8
	}
	form := h[0] >> 6
	size := basic + [...]int{11, 7, 3, 0}[form]
	if len(h) < size {
		return nil
	}
	m := p.chunks[id]
	if m == nil {
		if form != 0 {
			return fmt.Errorf("chunk stream %d begins with a header of format %d", id, form)
		}
		m = &incoming{}
		p.chunks[id] = m
	}
	f := h[basic:]
	extended := m.extended
	if form < 3 {
		extended = f[0] == 0xff && f[1] == 0xff && f[2] == 0xff
	}
	if extended && len(h) < size+4 {
		return nil
	}
	m.extended = extended
	if form < 3 {
		field := media.Timestamp(f[0])<<16 | media.Timestamp(f[1])<<8 | media.Timestamp(f[2])
		if extended {
			field = media.Timestamp(binary.BigEndian.Uint32(h[size:]))
		}
		if form == 0 {
			m.time, m.delta = field, 0
		} else {
			m.delta = field
		}
	}
	if form < 2 {
		m.size = int(f[3])<<16 | int(f[4])<<8 | int(f[5])
		m.kind = rtmp.MessageType(f[6])
	}
	if form != 0 && m.got == 0 {
		m.time += m.delta
	}
	p.header = h[:0]
	p.now, p.left = m, min(p.chunk, m.size-m.got)
	return nil
}
