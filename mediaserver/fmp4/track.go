package fmp4

import (
	"errors"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// ErrCodec says that a codec has no place in fragmented MP4, or none that players
// of HLS know. Errors that wrap it name the codec.
var ErrCodec = errors.New("players of MP4 do not know the codec")

// ErrConfig says that what describes a track cannot be read. Errors that wrap it
// say of which codec.
var ErrConfig = errors.New("invalid description of a track")

// VideoTimescale is how many units of time a second of pictures has.
const VideoTimescale = 90000

// maxConfig is the longest description of a track that is kept, in bytes: real ones
// have some hundred.
const maxConfig = 64 << 10

// Track is what an initialization segment says of a track. It is immutable.
type Track struct {
	Video bool
	Codec payload.FourCC
	// Name is the codec as playlists and pages call it [6381].
	Name string
	// Timescale is how many units of time a second has: for sound, samples.
	Timescale uint32
	// Width and Height of pictures in pixels, before any is cropped by a player; 0
	// for sound.
	Width, Height int
	// Channels of sound; 0 for pictures.
	Channels int

	kind    string // of the sample entry
	config  []byte // boxes of the sample entry
	samples func(frame []byte) int
}

// NewTrack describes a track by the body of its sequence header, nil where its codec
// has none, and its first frame: of pictures a keyframe, without a composition time.
// It keeps neither. It fails with ErrCodec or ErrConfig.
func NewTrack(video bool, codec payload.FourCC, config, first []byte) (*Track, error) {
	t := &Track{Video: video, Codec: codec, Timescale: VideoTimescale}
	err := fmt.Errorf("%w %s", ErrCodec, CodecName(video, codec))
	if len(config) > maxConfig {
		return nil, fmt.Errorf("%w: %s: %d bytes, more than %d", ErrConfig, CodecName(video, codec), len(config), maxConfig)
	}
	if describe := describers[codec]; describe != nil && isVideo(codec) == video {
		err = describe(t, config, first)
	}
	if err != nil && !errors.Is(err, ErrCodec) {
		err = fmt.Errorf("%w: %s: %w", ErrConfig, CodecName(video, codec), err)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// NeedsHeader says whether nothing can be done with frames of a codec before its
// sequence header has come.
func NeedsHeader(codec payload.FourCC) bool {
	switch codec {
	case payload.AVC, payload.HEVC, payload.AV1, payload.AAC, payload.FLAC:
		return true
	}
	return false
}

// Samples is how long a frame of sound is, in the track's units; 0 where the frame
// does not say it.
func (t *Track) Samples(frame []byte) int {
	if t.samples == nil {
		return 0
	}
	return t.samples(frame)
}

var describers = map[payload.FourCC]func(t *Track, config, first []byte) error{
	payload.AVC:  (*Track).avc,
	payload.HEVC: (*Track).hevc,
	payload.AV1:  (*Track).av1,
	payload.VP9:  (*Track).vp9,
	payload.AAC:  (*Track).aac,
	payload.Opus: (*Track).opus,
	payload.MP3:  (*Track).mp3,
	payload.FLAC: (*Track).flac,
	payload.AC3:  (*Track).ac3,
	payload.EAC3: (*Track).eac3,
}

func isVideo(codec payload.FourCC) bool {
	switch codec {
	case payload.AVC, payload.HEVC, payload.AV1, payload.VP9:
		return true
	}
	return false
}

// names of what MP4 does not hold, or nobody plays from it: Adobe's, by their
// numbers [FLV §E.4.2.1, §E.4.3.1].
var (
	videoNames = map[payload.FourCC]string{
		2: "Sorenson H.263", 3: "Screen Video", 4: "VP6", 5: "VP6 with alpha", 6: "Screen Video 2",
		payload.AVC: "H.264", payload.HEVC: "HEVC", payload.VVC: "VVC", payload.AV1: "AV1", payload.VP8: "VP8", payload.VP9: "VP9",
	}
	audioNames = map[payload.FourCC]string{
		0: "PCM", 1: "ADPCM", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser", 7: "G.711 A-law", 8: "G.711 mu-law", 11: "Speex",
		payload.AAC: "AAC", payload.MP3: "MP3", payload.Opus: "Opus", payload.FLAC: "FLAC", payload.AC3: "AC-3", payload.EAC3: "E-AC-3",
	}
)

// CodecName is what people call a codec.
func CodecName(video bool, codec payload.FourCC) string {
	names := audioNames
	if video {
		names = videoNames
	}
	if name := names[codec]; name != "" {
		return name
	}
	b := [4]byte{byte(codec >> 24), byte(codec >> 16), byte(codec >> 8), byte(codec)}
	for _, c := range b {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("number %d", codec)
		}
	}
	return fmt.Sprintf("%q", b[:])
}
