package command

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/server"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// banner tells a person what is served where, with lines to paste.
func banner(w io.Writer, s *server.Server, version string) {
	rtmp := "rtmp://" + dialable(s.RTMPAddr())
	fmt.Fprintf(w, "Flashpod %s is ready.\n", version)
	if of := s.EdgeOf(); of != "" {
		fmt.Fprintf(w, "\n  %s/APPLICATION/INSTANCE\n    edge of     rtmp://%s\n", rtmp, of)
		if folder := s.CacheFolder(); folder != "" {
			fmt.Fprintf(w, "    recordings  what was read of them is kept in %s\n", folder)
		}
		if a := s.WebAddr(); a != nil {
			const name = "APPLICATION/INSTANCE/NAME"
			fmt.Fprintf(w, "    studio      http://%[1]s%[2]s%[4]s\n    browser     http://%[1]s%[3]s%[4]s\n    streams     http://%[1]s/%[4]s.flv, /%[4]s/index.m3u8; recordings also /%[4]s.mp4\n",
				dialable(a), public.StudioPath, public.WatchPath, name)
		}
	}
	if routes, conflicts, ok := s.Routes(); ok {
		fmt.Fprintf(w, "\n  %s/APPLICATION/INSTANCE\n", rtmp)
		if a := s.RTMPSAddr(); a != nil {
			fmt.Fprintf(w, "  rtmps://%s/APPLICATION/INSTANCE\n", dialable(a))
		}
		fmt.Fprintf(w, "    routes      %d, of which %d have lost something to another\n", routes, conflicts)
	}
	for _, one := range s.Served() {
		url := rtmp + "/" + one.Path()
		// The key itself is never printed: in a pod this output is a log.
		withKey := func(url string) string { return fmt.Sprintf(`"%s?key=$(cat '%s')"`, url, one.KeyFile) }
		publish, play := "'"+url+"/test'", "ffplay "+url+"/test"
		if one.KeyFile != "" {
			publish = withKey(url + "/test")
		}
		switch one.Play {
		case v1alpha1.PlayKey:
			play = "ffplay " + withKey(url+"/test")
		case v1alpha1.PlayNobody:
			play = "nobody may (spec.access.play)"
		}
		fmt.Fprintf(w, "\n  %s\n", url)
		if a := s.RTMPSAddr(); a != nil {
			fmt.Fprintf(w, "  rtmps://%s/%s\n", dialable(a), one.Path())
		}
		fmt.Fprintf(w, `    recordings  %s  (%s)
    publish     ffmpeg -re -f lavfi -i testsrc2=s=1280x720:r=30 -f lavfi -i sine -c:v libx264 -preset veryfast -g 60 -pix_fmt yuv420p -c:a aac -f flv %s
    play        %s
`, one.Streams+string(filepath.Separator), recordingRule[one.Recording], publish, play)
		if a := s.WebAddr(); a != nil {
			fmt.Fprintf(w, "    studio      http://%s%s%s/test\n", dialable(a), public.StudioPath, one.Path())
		}
		if a := s.WebAddr(); a != nil && one.Play != v1alpha1.PlayNobody {
			key := ""
			if one.Play == v1alpha1.PlayKey {
				key = "?key=KEY"
			}
			page := public.WatchPath + one.Path() + "/test" + key
			fmt.Fprintf(w, "    browser     http://%s%s\n", dialable(a), page)
			if a := s.RTMPSAddr(); a != nil {
				fmt.Fprintf(w, "                https://%s%s\n", dialable(a), page)
			}
		}
	}
	for _, a := range s.Applications() {
		if a.Manifest {
			continue
		}
		script := a.Script
		if script == "" {
			script = "none: everybody is accepted"
		}
		fmt.Fprintf(w, "\n  %s/%s[/INSTANCE]\n    folder      %s\n    script      %s\n", rtmp, a.Name, a.Folder, script)
		if web := s.WebAddr(); web != nil { // in its default instance
			fmt.Fprintf(w, "    studio      http://%s%s%s/test\n    browser     http://%s%s%s/test\n",
				dialable(web), public.StudioPath, a.Name, dialable(web), public.WatchPath, a.Name)
		}
	}
	has := "health, metrics, recordings and instances"
	if _, ok := s.Edge(); ok { // recordings and instances are its origins'
		has = "health and metrics"
	}
	fmt.Fprintf(w, "\n  http://%s  %s\n", dialable(s.HTTPAddr()), has)
	if token := s.ConsoleToken(console.Admin); token != "" { // as keys, never printed
		fmt.Fprintf(w, "  http://%s%s  the console; its token: cat '%s'\n", dialable(s.HTTPAddr()), console.Path, token)
	}
	if a := s.WebAddr(); a != nil {
		fmt.Fprintf(w, "  ws://%s%s  RTMP for web pages\n", dialable(a), public.RTMPPath)
		if a := s.RTMPSAddr(); a != nil {
			fmt.Fprintf(w, "  wss://%s%s  the same by TLS\n", dialable(a), public.RTMPPath)
		}
		if u := s.WebRTCAddr(); u != nil {
			also := ""
			if s.WebRTCByTCP() {
				also = ", or TCP"
			}
			fmt.Fprintf(w, "  http://%s%s, %s  WebRTC, by UDP port %s%s\n", dialable(a), public.WHIPPath, public.WHEPPath, u, also)
		}
	}
	if a := s.LinkAddr(); a != nil {
		fmt.Fprintf(w, "  %s  edges that have the key of --link-key-file\n", dialable(a))
	}
	if a := s.DebugAddr(); a != nil {
		fmt.Fprintf(w, "  http://%s  profiles, goroutines and how far behind it is\n", a)
	}
	fmt.Fprintf(w, "\nCtrl-C ends it.\n")
}

// announce says the same in the log.
func announce(log *slog.Logger, s *server.Server, version string) {
	for _, one := range s.Served() {
		log.Info("serving", "application", one.Application, "instance", one.Instance,
			"recording", string(one.Recording), "recordings", one.Streams, "publishKey", one.KeyFile != "")
	}
	for _, a := range s.Applications() {
		log.Info("serving an application", "application", a.Name, "folder", a.Folder, "script", a.Script, "manifest", a.Manifest)
	}
	args := []any{"version", version, "rtmp", s.RTMPAddr().String(), "http", s.HTTPAddr().String()}
	if a := s.RTMPSAddr(); a != nil {
		args = append(args, "rtmps", a.String())
	}
	if a := s.WebAddr(); a != nil {
		args = append(args, "web", a.String())
	}
	if a := s.WebRTCAddr(); a != nil {
		args = append(args, "webrtc", a.String())
	}
	if a := s.DebugAddr(); a != nil {
		args = append(args, "debug", a.String())
	}
	if a := s.LinkAddr(); a != nil {
		args = append(args, "links", a.String())
	}
	if of := s.EdgeOf(); of != "" {
		args = append(args, "edgeOf", of)
	}
	if routes, conflicts, ok := s.Routes(); ok {
		args = append(args, "routes", routes, "conflicts", conflicts)
	}
	log.Info("ready", args...)
}

var recordingRule = map[v1alpha1.RecordingMode]string{
	v1alpha1.RecordOnRequest: "streams published as record or append",
	v1alpha1.RecordAll:       "every stream",
	v1alpha1.RecordOff:       "no stream",
}

// dialable replaces an address that means "every interface" by one that a
// client on this machine can connect to.
func dialable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
}
