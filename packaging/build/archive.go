package main

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"context"
	"io"
	"os"
)

// member is a file of an archive.
type member struct {
	name, source string
	mode         int64
}

func (r *release) members(p platform) []member {
	all := []member{
		{program + p.ext(), r.executable(p), 0o755},
		{"LICENSE", "LICENSE", 0o644},
		{"agent.toml.example", "packaging/linux/agent.toml", 0o644},
	}
	if p.goos == "windows" {
		all[2].source = "packaging/windows/agent.toml"
		return append(all, member{"completions/" + program + ".ps1", r.page(program + ".ps1"), 0o644})
	}
	all = append(all, member{program + ".1", r.page(program + ".1"), 0o644})
	for _, name := range []string{program + ".bash", "_" + program, program + ".fish"} {
		all = append(all, member{"completions/" + name, r.page(name), 0o644})
	}
	return all
}

// archive writes a zip for Windows and a tar.gz for the others, with one folder in it.
func (r *release) archive(context.Context) error {
	for _, p := range r.platforms {
		folder := r.title() + "-" + p.name()
		write, ext := r.tarOf, ".tar.gz"
		if p.goos == "windows" {
			write, ext = r.zipOf, ".zip"
		}
		err := writeFile(r.dir+"/"+folder+ext, func(w io.Writer) error { return write(w, folder, r.members(p)) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *release) tarOf(w io.Writer, folder string, members []member) error {
	return compressed(func(w io.Writer) error {
		t := tar.NewWriter(w)
		for _, m := range members {
			data, err := os.ReadFile(m.source)
			if err != nil {
				return err
			}
			head := &tar.Header{
				Typeflag: tar.TypeReg, Name: folder + "/" + m.name, Mode: m.mode, Size: int64(len(data)),
				ModTime: r.date, Format: tar.FormatPAX, Uname: "root", Gname: "root",
			}
			if err := t.WriteHeader(head); err != nil {
				return err
			}
			if _, err := t.Write(data); err != nil {
				return err
			}
		}
		return t.Close()
	})(w)
}

func (r *release) zipOf(w io.Writer, folder string, members []member) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, m := range members {
		f, err := z.CreateHeader(&zip.FileHeader{Name: folder + "/" + m.name, Method: zip.Deflate, Modified: r.date})
		if err != nil {
			return err
		}
		if err := copyFile(f, m.source); err != nil {
			return err
		}
	}
	return z.Close()
}
