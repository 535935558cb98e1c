// Verifies a log folder with golang.org/x/mod's sumdb/note and sumdb/tlog, which know nothing of us.
//
//	verify log DIR VKEY SIZE...     the note, every entry, and consistency from each older SIZE
//	verify evidence DIR VKEY        two notes of one log that contradict each other
//
// x/mod 0.7.0's tile reader has CVE-2026-56865, so each answer ends with CheckRecord or CheckTree.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		fmt.Println("REJECTED:", err)
		os.Exit(1)
	}
}

func open(path, vkey string) tlog.Tree {
	raw, err := os.ReadFile(path)
	check(err)
	verifier, err := note.NewVerifier(vkey)
	check(err)
	opened, err := note.Open(raw, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		check(fmt.Errorf("not a checkpoint of this log: %q", opened.Text))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

// folder reads tiles under the paths of tlog-tiles: x/mod's own have the height in front.
type folder string

func (dir folder) Height() int { return 8 }

func (dir folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (dir folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		one, err := os.ReadFile(filepath.Join(string(dir), path))
		if err != nil {
			return nil, err
		}
		data = append(data, one)
	}
	return data, nil
}

func entries(dir string, size int64) (found [][]byte) {
	for n := int64(0); n*256 < size; n++ {
		tile := tlog.Tile{H: 8, L: -1, N: n, W: 256}
		if size-n*256 < 256 {
			tile.W = int(size - n*256)
		}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(dir, path))
		check(err)
		for len(data) > 0 {
			length := int(binary.BigEndian.Uint16(data)) + 2
			found, data = append(found, data[2:length]), data[length:]
		}
	}
	return found
}

func verifyLog(dir, vkey string, sizes []string) {
	tree := open(filepath.Join(dir, "checkpoint"), vkey)
	reader := tlog.TileHashReader(tree, folder(dir))
	all := entries(dir, tree.N)
	if int64(len(all)) != tree.N {
		check(fmt.Errorf("%d entries in a tree of %d", len(all), tree.N))
	}
	// All leaves of a small log; of a large one every 97th, and those around each tile's edge.
	for index, entry := range all {
		if tree.N < 2000 || index%97 == 0 || index%256 == 0 || index%256 == 255 {
			proof, err := tlog.ProveRecord(tree.N, int64(index), reader)
			check(err)
			check(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)))
		}
	}
	for _, size := range sizes {
		old, err := strconv.ParseInt(size, 10, 64)
		check(err)
		root, err := tlog.TreeHash(old, reader)
		check(err)
		proof, err := tlog.ProveTree(tree.N, old, reader)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old, root))
		fmt.Println(old, base64.StdEncoding.EncodeToString(root[:]))
	}
	fmt.Println("VERIFIED", tree.N, base64.StdEncoding.EncodeToString(tree.Hash[:]))
}

func verifyEvidence(dir, vkey string) {
	seen := open(filepath.Join(dir, "seen.note"), vkey)
	shown := open(filepath.Join(dir, "shown.note"), vkey)
	raw, err := os.ReadFile(filepath.Join(dir, "advance.txt"))
	check(err)
	head, _, _ := strings.Cut(string(raw), "\n\n")
	var proof tlog.TreeProof
	for _, line := range strings.Split(head, "\n")[1:] {
		hash, err := tlog.ParseHash(line)
		check(err)
		proof = append(proof, hash)
	}
	if seen.N < shown.N {
		err = tlog.CheckTree(proof, shown.N, shown.Hash, seen.N, seen.Hash)
	} else if seen.Hash != shown.Hash {
		err = fmt.Errorf("two roots of size %d", seen.N)
	}
	if err == nil {
		check(fmt.Errorf("the two notes agree"))
	}
	fmt.Println("CONTRADICTED", seen.N, shown.N)
}

func main() {
	if os.Args[1] == "evidence" {
		verifyEvidence(os.Args[2], os.Args[3])
	} else {
		verifyLog(os.Args[2], os.Args[3], os.Args[4:])
	}
}
