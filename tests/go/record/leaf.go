package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A leaf is what stands in the log for one entry: 164 bytes.
type leaf []byte

type keyID [16]byte

type position struct {
	sequence uint64
	digest   [32]byte
}

func parseLeaf(raw []byte) (leaf, error) {
	const year10000 = 253402300800000
	if len(raw) != 164 || raw[0] != 1 || raw[2] > 15 || raw[3] > 1 ||
		binary.BigEndian.Uint64(raw[4:]) >= year10000 {
		return nil, fmt.Errorf("malformed")
	}
	return raw, nil
}

func (one leaf) kind() byte         { return one[1] }
func (one leaf) received() int64    { return int64(binary.BigEndian.Uint64(one[4:])) }
func (one leaf) sequence() uint64   { return binary.BigEndian.Uint64(one[12:]) }
func (one leaf) keyID() keyID       { return *(*keyID)(one[20:36]) }
func (one leaf) previous() [32]byte { return *(*[32]byte)(one[36:68]) }

func (one leaf) signed(origin string) []byte {
	head := []byte("tocsin-exchange-entry/v1\x00" + origin + "\x00")
	return append(append(head, one[:4]...), one[12:100]...)
}

func (one leaf) digest(origin string) [32]byte { return sha256.Sum256(one.signed(origin)) }

func (one leaf) signedBy(public []byte, origin string) bool {
	return ed25519.Verify(public, one.signed(origin), one[100:])
}

// opens says whether the leaf commits to a content: a nonce of 32 bytes and a payload.
func (one leaf) opens(content []byte) bool {
	commitment := sha256.Sum256(append([]byte("tocsin-exchange-payload/v1\x00"), content...))
	return len(content) >= 32 && bytes.Equal(one[68:100], commitment[:]) && one[2] == bucket(len(content)-32)
}

func bucket(length int) byte {
	if length < 2 {
		return 0
	}
	return byte(bits.Len(uint(length - 1)))
}

func idOf(public []byte) keyID {
	digest := sha256.Sum256(public)
	return *(*keyID)(digest[:16])
}

// weak says whether a key is of small order: all encodings there are, without the bit of the sign.
func weak(public []byte) bool {
	for _, bad := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	} {
		bad := unhex(bad)
		if bytes.Equal(bad[:31], public[:31]) && bad[31] == public[31]&0x7f {
			return true
		}
	}
	return false
}
