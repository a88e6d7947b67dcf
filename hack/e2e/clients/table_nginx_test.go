//go:build clients

package clients

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nginx is one process with an application for each thing that is asked.
func (b *bench) nginx(t *testing.T) row {
	r := row{name: "nginx-rtmp", version: nginxVersion}
	// Its push connects while the stream is sent already, and may miss pictures
	// before the next keyframe.
	missed := span{to: 50}
	relay, err := nginx(t, fmt.Sprintf(`
		application live { live on; push %[1]s/nginx-live; }
		application played { live on; pull %[2]s/nginx-played name=x live=1; }
		application film { live on; pull %[2]s/film name=x; }
		application late { live on; pull %[2]s/film name=x start=2000; }`, b.all.url, b.server.url))
	if err != nil {
		t.Fatal(err)
	}

	r.cells[publishLive].do = func(t *testing.T) (string, error) {
		return "from the keyframe after its push has connected", b.watched(t, b.all, "nginx-live", missed, func() error {
			return ended(b.sends(t, relay+"/live/x"))
		})
	}
	r.cells[recorded] = b.isRecorded("nginx-live", missed)
	r.cells[publishRecord] = b.asks("nginx-live")

	// Its players are not told of the end: they have it when the last picture
	// is there.
	through := func(t *testing.T, application string, pictures int, part span, publish func(*client) error) error {
		t.Helper()
		file := b.file(t, ".flv")
		player := unbuffered(t, relay+"/"+application+"/x", file)
		if err := publish(player); err != nil {
			return err
		}
		if err := player.until("all pictures are there", func() bool { return filmed(t, file) >= pictures }); err != nil {
			return err
		}
		player.interrupt()
		return b.same(file, part)
	}
	r.cells[playLive].do = func(t *testing.T) (string, error) {
		return "", through(t, "played", 100, whole, func(player *client) error {
			if err := player.until("it plays", func() bool { return b.server.said("playing", "nginx-played") > 0 }); err != nil {
				return err
			}
			return ended(b.sends(t, b.server.url+"/nginx-played"))
		})
	}
	none := func(*client) error { return nil }
	r.cells[playRecorded].do = func(t *testing.T) (string, error) { return "", through(t, "film", 100, whole, none) }
	r.cells[playFrom].do = func(t *testing.T) (string, error) { return "", through(t, "late", 75, late, none) }
	for question, relay := range map[int]string{publishTLS: "push", playTLS: "pull"} {
		r.cells[question] = attempt{no: "it knows `rtmp://` only", shows: "invalid port in url", do: func(t *testing.T) (string, error) {
			_, err := nginx(t, fmt.Sprintf("application x { live on; %s %s/x; }", relay, b.secure))
			return "", err
		}}
	}
	return r
}

func nginxVersion(t *testing.T) string {
	nginx := firstLine(`nginx/(\S+)`, "nginx", "-v")(t)
	if module, err := output("dpkg-query", "-W", "-f", "${source:Upstream-Version}", "libnginx-mod-rtmp"); err == nil {
		return strings.TrimSuffix(module, "+dfsg") + " in nginx " + nginx
	}
	return "in nginx " + nginx
}

// nginx starts it with RTMP applications in a folder of its own, and waits
// until it listens; it is an error when it refuses its configuration.
func nginx(t *testing.T, applications string) (url string, err error) {
	t.Helper()
	const module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`load_module %[1]s;
daemon off;
master_process off;
pid %[2]s/pid;
error_log %[2]s/error.log info;
events {}
rtmp {
	access_log off;
	server {
		listen %[3]s;
%[4]s
	}
}
`, module, dir, address, applications)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", conf}
	if out, err := exec.Command("nginx", append(args, "-t")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("nginx: %w\n%s", err, tail(string(out)))
	}
	cmd := exec.Command("nginx", args...)
	log := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			bytes, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("nginx:\n%s\n%s", log, tail(string(bytes)))
		}
	})
	until(t, "nginx to listen", func() bool {
		nc, err := net.Dial("tcp", address)
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
	return "rtmp://" + address, nil
}
