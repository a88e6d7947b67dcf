package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// obsMust is what OBS cannot do without, by what it takes apart: the rest may be left out
// (NLOHMANN_DEFINE_TYPE_INTRUSIVE in its multitrack-video.hpp).
var obsMust = map[string][]string{
	"meta":      {"service", "schema_version", "config_id"},
	"framerate": {"numerator", "denominator"},
	"live":      {"codec", "track_id", "channels", "settings"},
}

// TestOBS prints what OBS reads: nothing that it must have is missing, and what it has
// words for is one of them.
func TestOBS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  string
		sizes string
		type_ string
	}{
		{"", "1920x1080 30/1 6000, 1280x720 30/1 3000, 854x480 30/1 1200", "obs_x264"},
		{"1440p60@9M 720p30@3.5M --encoder nvenc-av1", "2560x1440 60/1 9000, 1280x720 30/1 3500", "obs_nvenc_av1_tex"},
		{"720x1280@3000k 360x640p25@800 --fps 30000/1001 --url rtmps://example.org/live/tv/", "720x1280 30000/1001 3000, 360x640 25/1 800", "obs_x264"},
		{"1080p@6M --encoder ffmpeg_vaapi_tex --b-frames 2 --keyframes 1", "1920x1080 30/1 6000", "ffmpeg_vaapi_tex"},
	} {
		out, err := flashpod(t.Context(), nil, append([]string{"obs"}, strings.Fields(c.args)...)...)
		if err != nil {
			t.Fatal(err)
		}
		var got obsConfig
		strict := json.NewDecoder(bytes.NewReader([]byte(out)))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&got); err != nil {
			t.Fatal(err)
		}
		var sizes []string
		for _, v := range got.Video {
			sizes = append(sizes, fmt.Sprintf("%dx%d %d/%d %v", v.Width, v.Height, v.FrameRate.Numerator, v.FrameRate.Denominator, v.Settings["bitrate"]))
			if v.Type != c.type_ || v.Scale != "OBS_SCALE_BICUBIC" || v.Settings["rate_control"] != "CBR" || v.Settings["keyint_sec"] == nil {
				t.Errorf("%q: %+v", c.args, v)
			}
		}
		if all := strings.Join(sizes, ", "); all != c.sizes {
			t.Errorf("%q: %s, want %s", c.args, all, c.sizes)
		}
		var plain map[string]any
		if err := json.Unmarshal([]byte(out), &plain); err != nil {
			t.Fatal(err)
		}
		has(t, "", plain)
		if url := strings.Contains(c.args, "--url"); url != (len(got.Endpoints) == 1) || url && (got.Endpoints[0] != obsEndpoint{"RTMPS", "rtmps://example.org/live/tv/{stream_key}"}) {
			t.Errorf("%q: %+v", c.args, got.Endpoints)
		}
	}
}

// has looks for what OBS must have in all that it takes apart.
func has(t *testing.T, name string, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			has(t, name, one)
		}
	case map[string]any:
		for _, must := range obsMust[name] {
			if _, ok := v[must]; !ok {
				t.Errorf("%s lacks %s: %v", name, must, v)
			}
		}
		for key, one := range v {
			if key != "settings" {
				has(t, key, one)
			}
		}
	}
}

// TestOBSRefuses says what is wrong with a command line.
func TestOBSRefuses(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"1080p":                         "no bit rate",
		"1080@6M":                       "no height",
		"1081p@6M":                      "even number",
		"axb@6M":                        "even number",
		"1080p@fast":                    "no bit rate",
		"1080p@NaN":                     "no bit rate",
		"1080p0@6M":                     "no frame rate",
		"1080p@6M --fps x":              "--fps",
		"1080p@6M --encoder gpu":        "choose one of amf-av1",
		"1080p@6M --keyframes 20":       "--keyframes",
		"1080p@6M --b-frames 9":         "--b-frames",
		"1080p@6M --audio-bitrate 9999": "--audio-bitrate",
		"1080p@6M --url http://a/b/c":   "write it as rtmp://",
		"1080p@6M --url rtmp://a":       "write it as rtmp://",
		strings.Join(slices.Repeat([]string{"1080p@6M"}, 11), " "): "10 at most",
	} {
		_, err := flashpod(t.Context(), nil, append([]string{"obs"}, strings.Fields(args)...)...)
		if exitCode(err) != 2 || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %s", args, err, says)
		}
	}
	if out, err := flashpod(t.Context(), nil, "obs", "--help"); err != nil || !strings.Contains(out, "--enable-multitrack-video-dev") {
		t.Errorf("%v %s", err, out)
	}
}
