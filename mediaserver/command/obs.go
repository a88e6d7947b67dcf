package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

const obsLong = `Print the configuration with which OBS publishes one picture in several sizes at
once, as tracks of one stream: players of HLS take the one that their network
carries, and no server encodes anything anew.

A RUNG is one size: HEIGHTp or WIDTHxHEIGHT, a frame rate, @ and a bit rate in
kbit/s, or with M in Mbit/s: 1080p60@6M, 720p@3M, 854x480p30@1200. The first one is
track 0, which players get that take one track alone. Without RUNGs they are
1080p@6M 720p@3M 480p@1200.

In OBS, 30.2 or later, started with --enable-multitrack-video-dev:
  1. Settings > Stream: the service Custom, rtmp://HOST/APPLICATION/INSTANCE as
     the server, NAME or NAME?key=KEY as the stream key.
  2. Enable multitrack video there, and its config override; paste what this
     command prints.
  3. Settings > Video: a canvas as large as the largest rung, and its frame rate;
     others are a whole part of it.

--encoder says what encodes: x264 (the processor), nvenc-, amf-, qsv- (NVIDIA, AMD,
Intel) or apple-, with h264, hevc or av1 behind it as the card can, such as
nvenc-av1; or the name of any encoder as OBS has it.

Exit codes: 0 it is printed, 2 the command line is wrong.`

const obsExample = `  flashpod obs > ladder.json
  flashpod obs 1440p60@9M 1080p60@6M 720p60@3500 --encoder nvenc-hevc
  flashpod obs 720x1280@3M 360x640@800 --url rtmp://127.0.0.1/live/tv`

// obs is what the flags say.
type obs struct {
	url, encoder, frameRate      string
	keyframes, bFrames, aBitrate int
}

func obsCommand() *cobra.Command {
	var o obs
	cmd := &cobra.Command{
		Use:     "obs [RUNG...]",
		Short:   "Print OBS's configuration for several sizes of one stream",
		Long:    obsLong,
		Example: obsExample,
		RunE:    o.run,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.encoder, "encoder", "x264", "what encodes pictures")
	f.StringVar(&o.frameRate, "fps", "30", "pictures a second of rungs that do not say it, such as 25 or 30000/1001")
	f.IntVar(&o.keyframes, "keyframes", 2, "seconds from keyframe to keyframe: how long segments of HLS are")
	f.IntVar(&o.bFrames, "b-frames", 0, "pictures in a row that refer to later ones; WebRTC shows none of them")
	f.IntVar(&o.aBitrate, "audio-bitrate", 160, "of sound, kbit/s")
	f.StringVar(&o.url, "url", "", "rtmp:// or rtmps://HOST/APPLICATION/INSTANCE, for OBS where its settings name no server")
	return cmd
}

// What OBS reads: frontend/utility/models/multitrack-video.hpp of OBS 32. Fields without
// omitempty must be there.
type (
	obsConfig struct {
		Meta      obsMeta       `json:"meta"`
		Endpoints []obsEndpoint `json:"ingest_endpoints"`
		Video     []obsVideo    `json:"encoder_configurations"`
		Audio     obsAudio      `json:"audio_configurations"`
	}
	obsMeta struct {
		Service string `json:"service"`
		Schema  string `json:"schema_version"`
		ID      string `json:"config_id"` // one that is not empty goes into the stream's name
	}
	obsEndpoint struct {
		Protocol string `json:"protocol"`
		URL      string `json:"url_template"`
	}
	obsVideo struct {
		Type      string         `json:"type"`
		Width     int            `json:"width"`
		Height    int            `json:"height"`
		FrameRate obsFrameRate   `json:"framerate"`
		Scale     string         `json:"gpu_scale_type"`
		Settings  map[string]any `json:"settings"`
		Canvas    int            `json:"canvas_index"`
	}
	obsFrameRate struct {
		Numerator   int `json:"numerator"`
		Denominator int `json:"denominator"`
	}
	obsAudio struct {
		Live []obsSound `json:"live"`
	}
	obsSound struct {
		Codec    string         `json:"codec"`
		Track    int            `json:"track_id"`
		Channels int            `json:"channels"`
		Settings map[string]any `json:"settings"`
	}
)

// obsEncoders are those that have a short name here, by that.
var obsEncoders = map[string]string{
	"x264":       "obs_x264",
	"nvenc-h264": "obs_nvenc_h264_tex", "nvenc-hevc": "obs_nvenc_hevc_tex", "nvenc-av1": "obs_nvenc_av1_tex",
	"amf-h264": "h264_texture_amf", "amf-hevc": "h265_texture_amf", "amf-av1": "av1_texture_amf",
	"qsv-h264": "obs_qsv11_v2", "qsv-hevc": "obs_qsv11_hevc", "qsv-av1": "obs_qsv11_av1",
	"apple-h264": "com.apple.videotoolbox.videoencoder.ave.avc", "apple-hevc": "com.apple.videotoolbox.videoencoder.ave.hevc",
}

// maxRungs is how many encoders OBS has at once for one output.
const maxRungs = 10

func (o *obs) run(cmd *cobra.Command, rungs []string) error {
	c, err := o.config(rungs)
	if err != nil {
		return usage(err)
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(c)
}

func (o *obs) config(rungs []string) (*obsConfig, error) {
	if len(rungs) == 0 {
		rungs = []string{"1080p@6M", "720p@3M", "480p@1200"}
	}
	encoder, known := obsEncoders[o.encoder]
	if !known {
		if encoder = o.encoder; !strings.ContainsAny(encoder, "_.") {
			return nil, fmt.Errorf("--encoder %q: choose one of %s, or OBS's own name of another", o.encoder, strings.Join(slices.Sorted(maps.Keys(obsEncoders)), ", "))
		}
	}
	rate, err := parseFrameRate(o.frameRate)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--fps %q: %w", o.frameRate, err)
	case o.keyframes < 1 || o.keyframes > 6:
		return nil, fmt.Errorf("--keyframes %d: choose 1 to 6: no segment of HLS is longer", o.keyframes)
	case o.bFrames < 0 || o.bFrames > 4:
		return nil, fmt.Errorf("--b-frames %d: choose 0 to 4", o.bFrames)
	case o.aBitrate < 16 || o.aBitrate > 512:
		return nil, fmt.Errorf("--audio-bitrate %d: choose 16 to 512", o.aBitrate)
	case len(rungs) > maxRungs:
		return nil, fmt.Errorf("%d rungs: OBS encodes %d at most", len(rungs), maxRungs)
	}
	c := &obsConfig{Meta: obsMeta{Service: "Flashpod", Schema: "2025-01-25"}, Endpoints: []obsEndpoint{}}
	if c.Endpoints, err = o.endpoints(); err != nil {
		return nil, err
	}
	for _, text := range rungs {
		v := obsVideo{Type: encoder, FrameRate: rate, Scale: "OBS_SCALE_BICUBIC"}
		bitrate, err := v.parse(text)
		if err != nil {
			return nil, fmt.Errorf("rung %q: %w: write it as 1080p60@6M or 854x480@1200", text, err)
		}
		v.Settings = o.settings(encoder, bitrate)
		c.Video = append(c.Video, v)
	}
	c.Audio.Live = []obsSound{{Codec: "aac", Track: 1, Channels: 2, Settings: map[string]any{"bitrate": o.aBitrate}}}
	return c, nil
}

// settings are those of an encoder. OBS passes over what one does not know, and forbids
// keyframes out of their turn by itself.
func (o *obs) settings(encoder string, bitrate int) map[string]any {
	s := map[string]any{"rate_control": "CBR", "bitrate": bitrate, "keyint_sec": o.keyframes, "profile": "main", "bf": o.bFrames}
	switch {
	case encoder == "obs_x264":
		s["preset"], s["profile"] = "veryfast", "high"
	case strings.HasPrefix(encoder, "obs_qsv11"):
		s["bframes"] = o.bFrames
	case strings.HasPrefix(encoder, "com.apple."):
		s["bframes"] = o.bFrames > 0
	}
	if strings.Contains(encoder, "h264") || strings.HasSuffix(encoder, ".avc") || encoder == "obs_qsv11_v2" {
		s["profile"] = "high"
	}
	return s
}

func (o *obs) endpoints() ([]obsEndpoint, error) {
	if o.url == "" {
		return []obsEndpoint{}, nil
	}
	u, err := url.Parse(o.url)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--url: %w", err)
	case u.Scheme != "rtmp" && u.Scheme != "rtmps", u.Host == "", strings.Trim(u.Path, "/") == "", u.RawQuery != "", u.User != nil, u.Fragment != "":
		return nil, fmt.Errorf("--url %q: write it as rtmp://HOST/APPLICATION/INSTANCE; the name of the stream and its key are in OBS's settings", o.url)
	}
	return []obsEndpoint{{strings.ToUpper(u.Scheme), strings.TrimRight(o.url, "/") + "/{stream_key}"}}, nil
}

// parse reads a rung, and returns its bit rate in kbit/s.
func (v *obsVideo) parse(text string) (bitrate int, err error) {
	size, rate, ok := strings.Cut(text, "@")
	if !ok {
		return 0, errors.New("it has no bit rate")
	}
	if bitrate, err = parseBitrate(rate); err != nil {
		return 0, err
	}
	if size, rate, ok = strings.Cut(size, "p"); ok && rate != "" {
		if v.FrameRate, err = parseFrameRate(rate); err != nil {
			return 0, err
		}
	}
	width, height, both := strings.Cut(size, "x")
	if !both {
		if !ok {
			return 0, errors.New("it has no height")
		}
		width, height = "", size
	}
	if v.Height, err = parseSide(height); err != nil {
		return 0, err
	}
	if both {
		v.Width, err = parseSide(width)
		return bitrate, err
	}
	v.Width = (v.Height*16/9 + 1) / 2 * 2 // encoders want sides that are even
	return bitrate, nil
}

func parseSide(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 16 || n > 8192 || n%2 != 0 {
		return 0, fmt.Errorf("%q is no even number of pixels up to 8192", s)
	}
	return n, nil
}

func parseBitrate(s string) (kbps int, err error) {
	number, mega := strings.CutSuffix(s, "M")
	n, err := strconv.ParseFloat(strings.TrimSuffix(number, "k"), 64)
	if mega {
		n *= 1000
	}
	if err != nil || !(n >= 50 && n <= 200000) {
		return 0, fmt.Errorf("%q is no bit rate from 50 kbit/s to 200 Mbit/s", s)
	}
	return int(n), nil
}

func parseFrameRate(s string) (r obsFrameRate, err error) {
	numerator, denominator, parted := strings.Cut(s, "/")
	if !parted {
		denominator = "1"
	}
	r.Numerator, err = strconv.Atoi(numerator)
	if err == nil {
		r.Denominator, err = strconv.Atoi(denominator)
	}
	if err != nil || r.Denominator < 1 || r.Denominator > 1001 || r.Numerator < r.Denominator || r.Numerator > 240*r.Denominator {
		return r, fmt.Errorf("%q is no frame rate from 1 to 240", s)
	}
	return r, nil
}
