package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/applications"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/session"
)

// defaultInstance is the one of clients that name none.
const defaultInstance = "_definst_"

// Application says what a user needs to know of a folder that is served.
type Application struct {
	Name, Folder string
	Script       string // the file that its script begins with; "": it has none
	Manifest     bool   // a manifest says which instances there are
}

// Applications lists the folders that are served, by their names.
func (s *Server) Applications() (all []Application) {
	for _, a := range s.folder {
		all = append(all, Application{a.Name, a.Folder, a.Main, s.instances[a.Name] != nil})
	}
	return all
}

// readApplications reads the folder of applications, if there is one.
func (s *Server) readApplications() error {
	if s.cfg.Applications == "" {
		return nil
	}
	all, skipped, err := applications.Read(s.cfg.Applications)
	if err != nil {
		return err
	}
	for _, one := range skipped {
		s.log.Warn("not served: this folder is no application", "folder", one.Folder, "reason", one.Reason)
	}
	s.folder = all
	s.application = map[string]*applications.Application{}
	for i := range all {
		a := &all[i]
		s.application[a.Name] = a
		s.sayConfiguration(a)
	}
	return nil
}

// sayConfiguration tells the log what an Application.xml asks for that is not had.
func (s *Server) sayConfiguration(a *applications.Application) {
	c := a.Configuration
	if len(c.Others) > 0 {
		s.log.Info("Application.xml asks for what has no equivalent here, and is passed over", "application", a.Name,
			"file", filepath.Join(a.Folder, filepath.FromSlash(c.File)), "elements", strings.Join(c.Others, ", "))
	}
}

// dataOf is the folder in which that of an application lies.
func (s *Server) dataOf(app string) string {
	if s.application[app] != nil {
		return s.cfg.Applications
	}
	return s.cfg.Data
}

// streamsOf is the folder of an application's recorded streams, in which each instance
// has one.
func (s *Server) streamsOf(app string) string {
	if a := s.application[app]; a != nil && a.Configuration.Streams != "" {
		return at(a, a.Configuration.Streams)
	}
	return filepath.Join(s.dataOf(app), app, "streams")
}

// objectsOf is that of its persistent shared objects.
func (s *Server) objectsOf(app string) string {
	if a := s.application[app]; a != nil && a.Configuration.SharedObjects != "" {
		return at(a, a.Configuration.SharedObjects)
	}
	return filepath.Join(s.dataOf(app), app, "sharedobjects")
}

// at is a path that an Application.xml names: one that is relative is below the
// application's folder.
func at(a *applications.Application, path string) string {
	path = filepath.FromSlash(strings.ReplaceAll(path, `\`, "/"))
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.Folder, path)
}

// addApplications has the instances of each application's folder start on demand, but
// of those for which a manifest says what there is.
func (s *Server) addApplications(docs []v1alpha1.AppInstance) error {
	for i := range s.folder {
		a := &s.folder[i]
		if s.instances[a.Name] != nil || s.suspended(a.Name, docs) {
			s.log.Info("a manifest says what is served of this application", "application", a.Name, "folder", a.Folder)
			continue
		}
		if err := s.addApplication(a); err != nil {
			return fmt.Errorf("application %s: %w", a.Name, err)
		}
	}
	return nil
}

// suspended says whether manifests name an application that is not served.
func (s *Server) suspended(app string, docs []v1alpha1.AppInstance) bool {
	for i := range docs {
		if docs[i].Spec.Application == app {
			return true
		}
	}
	return false
}

// document is what a manifest of an application's folder would say: whoever may
// connect may publish, and the script decides about both.
func document(a *applications.Application) *v1alpha1.AppInstance {
	doc := &v1alpha1.AppInstance{}
	doc.Name = "applications"
	doc.Spec.Application, doc.Spec.Instance, doc.Spec.OnDemandInstances = a.Name, defaultInstance, true
	doc.Spec.Access.Publish.Mode = v1alpha1.PublishAnyone
	if after := a.Configuration.MaxAppIdleTime; after > 0 {
		doc.Spec.Idle.UnloadAfter = &metav1.Duration{Duration: after}
	}
	doc.SetDefaults()
	return doc
}

func (s *Server) addApplication(a *applications.Application) error {
	doc := document(a)
	// As FMS did: what has no folder yet gets one with what is first kept in it.
	if err := os.MkdirAll(s.streamsOf(a.Name), 0o755); err != nil {
		return fmt.Errorf("folder of recorded streams: %w", err)
	}
	p, err := s.openProgram(doc)
	if err != nil {
		return err
	}
	d, err := s.newOnDemand(doc, s.rules(doc), nil, p)
	if err != nil {
		return err
	}
	s.onDemand[a.Name] = d
	if a.Configuration.LoadOnStartup {
		d.use(defaultInstance, waiter{house: true, then: func(_ *room, why *session.Refusal) {
			if why != nil {
				s.log.Error("the default instance does not start with the server, as Application.xml wants", "application", a.Name, "err", why)
			}
		}})
	}
	return nil
}

// openProgram is the script of a manifest's instances, or of a folder's; nil: they have
// none.
func (s *Server) openProgram(doc *v1alpha1.AppInstance) (*program, error) {
	app, says := doc.Spec.Application, doc.Spec.Script
	a := s.application[app]
	from := programSource{application: app, library: s.cfg.ScriptLibrary, hosts: s.cfg.ScriptHosts, hostsField: "--script-hosts", live: true}
	if says != nil {
		from.limits, from.hosts, from.hostsField = scriptLimits(says), says.AllowedHosts, "spec.script.allowedHosts"
	}
	switch {
	case a != nil && a.Main != "":
		from.folder, from.files = a.Folder, a.Folder
		c := a.Configuration
		from.settings = c.Config
		if says == nil {
			from.limits = configuredLimits(c)
		}
		if from.library == "" {
			from.library = s.libraryOf(a)
		}
	case says == nil:
		return nil, nil
	case s.cfg.ScriptFolder == "":
		return nil, fmt.Errorf("%s has spec.script, whose ConfigMap a cluster has: here --script-folder says where its files are, or --applications of a folder with one called %s", doc.Path(), app)
	default:
		from.folder, from.live = s.cfg.ScriptFolder, says.Reload != v1alpha1.ReloadDrain
		from.files = filepath.Join(s.dataOf(app), app, "files")
		if err := os.MkdirAll(from.files, 0o755); err != nil {
			return nil, fmt.Errorf("folder of what the script of %s writes: %w", doc.Path(), err)
		}
	}
	return s.newProgram(from)
}

// Limits of scripts of a folder: old ones asked for memory as their engine took it, of
// which this one takes more.
const (
	minScriptMemory = 64 << 20
	maxScriptMemory = engine.MaxMemory
	maxScriptTime   = time.Minute
)

func configuredLimits(c applications.Configuration) engine.Limits {
	return engine.Limits{
		Memory: int(min(max(c.RuntimeSize, minScriptMemory), maxScriptMemory)),
		Time:   min(c.MaxTimeOut, maxScriptTime), // 0: the default
	}
}

// libraryOf is the first of the folders of ScriptLibPath that is there. One that is
// relative is so to the application's folder, or to that with all applications.
func (s *Server) libraryOf(a *applications.Application) string {
	for _, path := range a.Configuration.ScriptLibPath {
		tries := []string{at(a, path), filepath.Join(filepath.Dir(a.Folder), filepath.Base(path)), filepath.Join(filepath.Dir(filepath.Dir(a.Folder)), filepath.Base(path))}
		for _, folder := range tries {
			if info, err := os.Stat(folder); err == nil && info.IsDir() {
				return folder
			}
		}
		s.log.Warn("Application.xml names a folder of scripts that is not there: --script-library says where it is", "application", a.Name, "folder", path)
	}
	return ""
}
