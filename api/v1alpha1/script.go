package v1alpha1

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Script is the server-side script that decides for an instance: its main.asc is
// looked for in the order in which Flash Media Server looked.
type Script struct {
	// ConfigMap has the script's files.
	ConfigMap ScriptFiles `json:"configMap"`
	// AllowedHosts are what the script may reach over the network: HOST or
	// HOST:PORT, such as backend.example.com, *.example.com:443 (all below that),
	// 192.0.2.7:8080 or [2001:db8::7]:80, or a network such as 10.0.0.0/8; without a
	// port it is any. This machine and its neighbours are reached by their own address
	// alone. Default: nothing.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=260
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) || isCIDR(self) || self.matches('^([*][.])?[A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*[.]?(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$') || self.matches('^[[][0-9A-Fa-f:.]+[]](:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$') && isIP(self.substring(1, self.indexOf(']')))",message="must be HOST or HOST:PORT, such as backend.example.com, *.example.com:443, 192.0.2.7:8080 or [2001:db8::7]:80, or a network such as 10.0.0.0/8"
	// +listType=set
	// +optional
	AllowedHosts []string `json:"allowedHosts,omitempty"`
	// Limits bound what the script may take of the server, for each instance.
	// +kubebuilder:default={}
	// +optional
	Limits ScriptLimits `json:"limits,omitzero"`
	// Reload is Live (when a file has changed, clients are told and leave, and the
	// script starts anew in the running server, half a minute or so after the
	// ConfigMap; files that cannot be loaded leave it as it was) or Drain (the server
	// restarts, as for an edit of spec).
	// +kubebuilder:default=Live
	// +optional
	Reload ScriptReload `json:"reload,omitempty"`
}

// ScriptFiles are files from a ConfigMap.
type ScriptFiles struct {
	// Name of the ConfigMap, in the namespace of the AppInstance.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a ConfigMap: lower case letters, digits, '-' and '.'"
	Name string `json:"name"`
	// Items say which entries are files, and where: keys of a ConfigMap have no
	// slashes, paths have. Default: all, each called like its key.
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=path
	// +optional
	Items []ScriptFile `json:"items,omitempty"`
}

// ScriptFile is one file.
type ScriptFile struct {
	// Key in the ConfigMap.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^[-._a-zA-Z0-9]+$')",message="must be a key of a ConfigMap: letters, digits, '-', '_' and '.'"
	Key string `json:"key"`
	// Path of the file, such as scripts/lib/users.asc.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^[^/\\\\\\\\:]+(/[^/\\\\\\\\:]+)*$') && self.split('/').all(p, p != '.' && !p.startsWith('..'))",message="must be a path below the script's folder, such as scripts/lib/users.asc: no '\\\\', no ':', and no part that begins with '..'"
	Path string `json:"path"`
}

// ScriptLimits bound one instance's script.
type ScriptLimits struct {
	// Memory is how much the script may have, its source and all of its values: a
	// number with a unit, such as 64Mi.
	// +kubebuilder:default="64Mi"
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self))",message="must be a quantity: a number, with a unit or without, such as 64Mi or 64M (not 64MB or 64MiB)"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('1Mi')) >= 0 && quantity(string(self)).compareTo(quantity('256Mi')) <= 0",message="must be of 1Mi to 256Mi"
	// +optional
	Memory *resource.Quantity `json:"memory,omitempty"`
	// CallTimeout is how long the script may compute for one event or call: 1s,
	// 500ms. What takes longer ends with a script error.
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) >= duration('10ms') && duration(self) <= duration('1m')",message="must be a time of 10ms to 1m, such as 1s or 500ms"
	// +optional
	CallTimeout *metav1.Duration `json:"callTimeout,omitempty"`
}

// ScriptReload says what happens when the files of a script change.
// +kubebuilder:validation:Enum=Live;Drain
type ScriptReload string

// The ways of reloading.
const (
	ReloadLive  ScriptReload = "Live"
	ReloadDrain ScriptReload = "Drain"
)

const (
	maxAllowedHosts = 64
	maxHost         = 260
	maxScriptFiles  = 256
	maxKey          = 253
	maxPath         = 512

	minCallTimeout = 10 * time.Millisecond
	maxCallTimeout = time.Minute
)

var (
	minScriptMemory = resource.MustParse("1Mi")
	maxScriptMemory = resource.MustParse("256Mi")

	hostPattern = regexp.MustCompile(`^([*][.])?[A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*[.]?(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$`)
	ipv6Pattern = regexp.MustCompile(`^[[][0-9A-Fa-f:.]+[]](:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$`)
	keyPattern  = regexp.MustCompile(`^[-._a-zA-Z0-9]+$`)
	pathPattern = regexp.MustCompile(`^[^/\\:]+(/[^/\\:]+)*$`)
)

func (s *Script) setDefaults() {
	memory := resource.MustParse("64Mi")
	def(&s.Limits.Memory, &memory)
	def(&s.Limits.CallTimeout, &metav1.Duration{Duration: time.Second})
	def(&s.Reload, ReloadLive)
}

func (s *Script) validate(at *field.Path) field.ErrorList {
	errs := s.ConfigMap.validate(at.Child("configMap"))
	hosts := at.Child("allowedHosts")
	errs = append(errs, tooMany(hosts, len(s.AllowedHosts), maxAllowedHosts)...)
	seen := map[string]bool{}
	for i, host := range s.AllowedHosts {
		switch {
		case len(host) > maxHost:
			errs = append(errs, field.TooLong(hosts.Index(i), host, maxHost))
		case !isHost(host):
			errs = append(errs, field.Invalid(hosts.Index(i), host, "must be HOST or HOST:PORT, such as backend.example.com, *.example.com:443, 192.0.2.7:8080 or [2001:db8::7]:80, or a network such as 10.0.0.0/8"))
		case seen[host]:
			errs = append(errs, field.Duplicate(hosts.Index(i), host))
		}
		seen[host] = true
	}
	limits := at.Child("limits")
	if m := s.Limits.Memory; m != nil && (m.Cmp(minScriptMemory) < 0 || m.Cmp(maxScriptMemory) > 0) {
		errs = append(errs, field.Invalid(limits.Child("memory"), m.String(), "must be of 1Mi to 256Mi"))
	}
	if d := s.Limits.CallTimeout; d != nil && (d.Duration < minCallTimeout || d.Duration > maxCallTimeout) {
		errs = append(errs, field.Invalid(limits.Child("callTimeout"), d.Duration.String(), "must be a time of 10ms to 1m, such as 1s or 500ms"))
	}
	return append(errs, oneOf(at.Child("reload"), s.Reload, ReloadLive, ReloadDrain)...)
}

// isHost says whether an entry of allowedHosts is one.
func isHost(s string) bool {
	if _, err := ParseAddress(s); err == nil || hostPattern.MatchString(s) {
		return true
	}
	if !ipv6Pattern.MatchString(s) {
		return false
	}
	_, err := netip.ParseAddr(s[1:strings.IndexByte(s, ']')])
	return err == nil
}

func (f *ScriptFiles) validate(at *field.Path) (errs field.ErrorList) {
	if f.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), "must not be empty"))
	}
	errs = append(errs, objectName(at.Child("name"), f.Name, "ConfigMap")...)
	items := at.Child("items")
	errs = append(errs, tooMany(items, len(f.Items), maxScriptFiles)...)
	paths := map[string]bool{}
	for i, item := range f.Items {
		errs = append(errs, validateText(items.Index(i).Child("key"), item.Key, maxKey, keyPattern, "must be a key of a ConfigMap: letters, digits, '-', '_' and '.'")...)
		errs = append(errs, item.validatePath(items.Index(i).Child("path"))...)
		if paths[item.Path] && item.Path != "" {
			errs = append(errs, field.Duplicate(items.Index(i).Child("path"), item.Path))
		}
		paths[item.Path] = true
	}
	return errs
}

func (f *ScriptFile) validatePath(at *field.Path) field.ErrorList {
	const rule = `must be a path below the script's folder, such as scripts/lib/users.asc: no '\', no ':', and no part that begins with '..'`
	if errs := validateText(at, f.Path, maxPath, pathPattern, rule); len(errs) > 0 {
		return errs
	}
	for part := range strings.SplitSeq(f.Path, "/") {
		if part == "." || strings.HasPrefix(part, "..") {
			return field.ErrorList{field.Invalid(at, f.Path, rule)}
		}
	}
	return nil
}

// Files are the paths of a script's files, each with the key of its content, where a
// ConfigMap has some keys. missing are the keys of items that it does not have.
func (f *ScriptFiles) Files(keys []string) (files map[string]string, missing []string) {
	files = map[string]string{}
	if len(f.Items) == 0 {
		for _, key := range keys {
			files[key] = key
		}
		return files, nil
	}
	has := map[string]bool{}
	for _, key := range keys {
		has[key] = true
	}
	for _, item := range f.Items {
		if !has[item.Key] {
			missing = append(missing, item.Key)
			continue
		}
		files[item.Path] = item.Key
	}
	return files, missing
}

// MainScripts are where the script of an application may begin, in the order in which
// Flash Media Server looked.
func MainScripts(application string) (all []string) {
	name := path.Base(application)
	for _, one := range []string{"scripts/main.asc", "main.asc", "scripts/main.js", "main.js", "scripts/%s.asc", "%s.asc", "scripts/%s.js", "%s.js"} {
		if strings.Contains(one, "%") {
			one = fmt.Sprintf(one, name)
		}
		all = append(all, one)
	}
	return all
}
