package interop

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
)

const root = "../.."

// scene is a section of README: what it tells to write and to run.
type scene struct {
	title    string
	files    map[string]string
	commands []string
}

// scenes reads README's code blocks.
func scenes(t *testing.T) []scene {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	named := regexp.MustCompile("This one is `([^`]+)`")
	var all []scene
	for i, section := range strings.Split("\n"+string(text), "\n## ") {
		title, _, _ := strings.Cut(section, "\n")
		if i == 0 {
			title = "first screen"
		}
		s := scene{title: title, files: map[string]string{}}
		for _, b := range block.FindAllStringSubmatch(section, -1) {
			switch b[1] {
			case "sh":
				s.commands = append(s.commands, strings.Split(strings.TrimSpace(b[2]), "\n")...)
			case "python":
				name := named.FindStringSubmatch(section)
				if name == nil {
					t.Fatalf("README, section %d: a drill without a name", i)
				}
				s.files[name[1]] = b[2]
			default:
				t.Fatalf("README, section %s: a block of %q", title, b[1])
			}
		}
		all = append(all, s)
	}
	return all
}

// TestREADME runs every command that README tells to run, section by section.
func TestREADME(t *testing.T) {
	count := 0
	for _, s := range scenes(t) {
		if len(s.commands) == 0 {
			continue
		}
		count += len(s.commands)
		t.Run(s.title, func(t *testing.T) { newStage(t, s).play(t, s.commands) })
	}
	if count < 20 {
		t.Errorf("README has %d commands; the test reads it wrongly", count)
	}
}

// stage is where a section is played: a folder with bin in it, a home, a display.
type stage struct {
	dir string
	env []string
}

func newStage(t *testing.T, s scene) *stage {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(programs, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	for name, text := range s.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &stage{dir, []string{"HOME=" + dir, "XDG_STATE_HOME=", "XDG_DATA_HOME=" + dir + "/.local/share", "DISPLAY=" + startDisplay(t).Name}}
}

func (s *stage) play(t *testing.T, commands []string) {
	for _, command := range commands {
		ctx, cancel := context.WithTimeout(t.Context(), stepBound)
		defer cancel()
		switch words := strings.Fields(command); {
		case words[0] == "make":
			s.makes(ctx, t, words)
		case words[0] == "rdesktop":
			s.connects(ctx, t, command)
		case words[0] == "bin/lserver", words[0] == "bin/termsrv", strings.Contains(command, " serve"):
			s.serves(ctx, t, command)
		default:
			s.runs(ctx, t, command)
		}
	}
}

func (s *stage) start(t *testing.T, command string) *harness.Process {
	t.Helper()
	p, err := harness.Start(s.dir, s.env, "", "sh", "-c", "exec "+command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", command, p.Output())
		}
	})
	return p
}

// runs runs a command to its end.
func (s *stage) runs(ctx context.Context, t *testing.T, command string) {
	t.Helper()
	if code, err := s.start(t, command).Wait(ctx); code != 0 || err != nil {
		t.Fatalf("%s: exit status %d, %v", command, code, err)
	}
}

// serves starts a command that serves until the end of the section, as in a
// terminal of its own.
func (s *stage) serves(ctx context.Context, t *testing.T, command string) {
	t.Helper()
	p := s.start(t, command)
	state := regexp.MustCompile(`--state (\S+)`).FindStringSubmatch(command)
	err := harness.Until(ctx, command, func() (bool, error) {
		if strings.Contains(p.Output(), "is ready on") {
			return true, nil
		}
		if state == nil {
			return false, nil
		}
		events, err := (&harness.Journal{Path: filepath.Join(s.dir, state[1], "events.jsonl")}).All()
		for _, e := range events {
			if e.Name == eventlog.ProgramReady.Name {
				return true, err
			}
		}
		return false, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// connects starts a client that a person would close again.
func (s *stage) connects(ctx context.Context, t *testing.T, command string) {
	t.Helper()
	p := s.start(t, command)
	journal := harness.Journal{Path: filepath.Join(s.dir, "lab", "events.jsonl")}
	if _, err := journal.Await(ctx, eventlog.SessionStarted.Name); err != nil {
		t.Fatal(err)
	}
	p.Stop()
}

// makes plays what a target does after it has built the programs.
func (s *stage) makes(ctx context.Context, t *testing.T, words []string) {
	t.Helper()
	out, err := exec.CommandContext(ctx, "make", "--no-print-directory", "-n", "-C", root, words[1]).Output()
	if err != nil {
		t.Fatalf("make -n %s: %v", words[1], err)
	}
	played := false
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if strings.HasPrefix(line, "bin/") {
			played = true
			s.runs(ctx, t, line)
		}
	}
	if !played {
		t.Errorf("make %s runs no program:\n%s", words[1], out)
	}
}
