package webrtc

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/webrtc/v4"

	"github.com/pion/sdp/v3"

	"flashpod.dev/flashpod/mediaserver/outlet"
)

const (
	// maxOffer bounds a body, in bytes: Chromium's offers have 5 to 12 KiB.
	maxOffer = 64 << 10
	// maxFormats bounds the payload types of a section that are looked at: there are
	// 128 in all.
	maxFormats = 128
)

// offer is what a client offers, as far as it matters here. A section that it does not
// have is nil.
type offer struct {
	description  sdp.SessionDescription
	video, audio *section
}

// section is one media section of an offer [RFC 8866 §5.14].
type section struct {
	media  *sdp.MediaDescription
	codecs []codec // in the client's order
}

// codec is one payload type.
type codec struct {
	number   uint8
	name     string // in capitals, as in VP8
	said     string // the same, as the client says it
	clock    uint32 // Hz
	channels uint16
	fmtp     string
	rtx      uint8 // by which it is sent again [RFC 4588]; 0: by itself
}

// parseOffer reads an offer. It fails with a *outlet.Refusal.
func parseOffer(body []byte) (*offer, error) {
	var o offer
	if err := o.description.Unmarshal(body); err != nil {
		return nil, outlet.Refuse(http.StatusBadRequest, fmt.Sprintf("the body is no session description: %.200v", err))
	}
	for _, m := range o.description.MediaDescriptions {
		at := &o.video
		switch m.MediaName.Media {
		case "video":
		case "audio":
			at = &o.audio
		default:
			return nil, outlet.Refuse(http.StatusUnprocessableEntity, fmt.Sprintf("there is nothing here for a section of %.40q: offer video, audio or both", m.MediaName.Media))
		}
		if *at != nil {
			return nil, outlet.Refuse(http.StatusUnprocessableEntity, fmt.Sprintf("the offer has two sections of %s: offer one", m.MediaName.Media))
		}
		*at = newSection(m)
	}
	if o.video == nil && o.audio == nil {
		return nil, outlet.Refuse(http.StatusUnprocessableEntity, "the offer has neither video nor audio")
	}
	return &o, nil
}

func newSection(m *sdp.MediaDescription) *section {
	s := &section{media: m}
	for _, format := range m.MediaName.Formats {
		number, err := strconv.ParseUint(format, 10, 7)
		if err != nil || len(s.codecs) == maxFormats {
			continue
		}
		s.codecs = append(s.codecs, codec{number: uint8(number)})
	}
	for _, a := range m.Attributes {
		number, rest, _ := strings.Cut(a.Value, " ")
		c := s.find(number)
		switch {
		case c == nil:
		case a.Key == "rtpmap":
			parts := strings.Split(rest, "/")
			c.said, c.name = parts[0], strings.ToUpper(parts[0])
			if len(parts) > 1 {
				hz, _ := strconv.ParseUint(parts[1], 10, 32)
				c.clock = uint32(hz)
			}
			if len(parts) > 2 {
				n, _ := strconv.ParseUint(parts[2], 10, 16)
				c.channels = uint16(n)
			}
		case a.Key == "fmtp":
			c.fmtp = rest
		}
	}
	for i := range s.codecs {
		if s.codecs[i].name != "RTX" {
			continue
		}
		if c := s.find(s.codecs[i].parameter("apt")); c != nil {
			c.rtx = s.codecs[i].number
		}
	}
	return s
}

func (s *section) find(number string) *codec {
	n, err := strconv.ParseUint(number, 10, 7)
	i := slices.IndexFunc(s.codecs, func(c codec) bool { return uint64(c.number) == n })
	if err != nil || i < 0 {
		return nil
	}
	return &s.codecs[i]
}

// parameter is one of the format's own [RFC 8866 §6.15]; "": it has none of that name.
func (c *codec) parameter(name string) string {
	for one := range strings.SplitSeq(c.fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// choose is the first codec that is good, nil: none is.
func (s *section) choose(good func(*codec) bool) *codec {
	if s == nil {
		return nil
	}
	for i := range s.codecs {
		if c := &s.codecs[i]; c.name != "" && good(c) {
			return c
		}
	}
	return nil
}

// register has pion answer with a codec, and with nothing else of its kind.
func (c *codec) register(m *pion.MediaEngine, kind pion.RTPCodecType) error {
	var feedback []pion.RTCPFeedback
	if kind == pion.RTPCodecTypeVideo {
		feedback = []pion.RTCPFeedback{{Type: pion.TypeRTCPFBNACK}, {Type: pion.TypeRTCPFBNACK, Parameter: "pli"}}
	}
	if err := m.RegisterCodec(pion.RTPCodecParameters{RTPCodecCapability: c.capability(kind, feedback), PayloadType: pion.PayloadType(c.number)}, kind); err != nil {
		return err
	}
	if c.rtx == 0 || kind != pion.RTPCodecTypeVideo {
		return nil
	}
	return m.RegisterCodec(pion.RTPCodecParameters{
		RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypeRTX, ClockRate: c.clock, SDPFmtpLine: fmt.Sprintf("apt=%d", c.number)},
		PayloadType:        pion.PayloadType(c.rtx),
	}, kind)
}

func (c *codec) capability(kind pion.RTPCodecType, feedback []pion.RTCPFeedback) pion.RTPCodecCapability {
	return pion.RTPCodecCapability{MimeType: kind.String() + "/" + c.said, ClockRate: c.clock, Channels: c.channels, SDPFmtpLine: c.fmtp, RTCPFeedback: feedback}
}

// forPion is the offer without what is not used here: candidates, which an ICE-lite
// agent does not look at, and layers of simulcast.
func (o *offer) forPion() (string, error) {
	unused := func(a sdp.Attribute) bool {
		switch a.Key {
		case "candidate", "end-of-candidates", "simulcast", "rid":
			return true
		}
		return false
	}
	o.description.Attributes = slices.DeleteFunc(o.description.Attributes, unused)
	for _, m := range o.description.MediaDescriptions {
		m.Attributes = slices.DeleteFunc(m.Attributes, unused)
	}
	b, err := o.description.Marshal()
	return string(b), err
}
