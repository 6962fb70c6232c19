// Vectors of four that both NEON variants share. Included inside each one's anonymous namespace.

struct NeonVector {
  using F = float32x4_t;
  using I = int32x4_t;
  static constexpr int kLanes = 4;

  static F load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, F x) { vst1q_f32(p, x); }
  static F set(float x) { return vdupq_n_f32(x); }
  static F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  static F mul(F a, F b) { return vmulq_f32(a, b); }
  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F sub(F a, F b) { return vsubq_f32(a, b); }
  static F div(F a, F b) { return vdivq_f32(a, b); }
  static F max(F a, F b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static F min(F a, F b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static I load_i(const int32_t* p) { return vld1q_s32(p); }
  static I set_i(int32_t x) { return vdupq_n_s32(x); }
  static I add_i(I a, I b) { return vaddq_s32(a, b); }
  static F to_float(I x) { return vcvtq_f32_s32(x); }
  static I round(F x) { return vcvtnq_s32_f32(x); }
  static F power_of_two(I n) { return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23)); }
  static I widen(const uint8_t* p) {
    uint32_t quad;
    __builtin_memcpy(&quad, p, 4);
    const uint16x8_t words = vmovl_u8(vcreate_u8(quad));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words)));
  }
  static void narrow(uint8_t* p, I x) {
    const uint16x4_t words = vmovn_u32(vreinterpretq_u32_s32(x));
    const uint8x8_t bytes = vmovn_u16(vcombine_u16(words, words));
    const uint32_t quad = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    __builtin_memcpy(p, &quad, 4);
  }

  /// Four tables of 64 entries; an index beyond a table leaves what the last one found.
  static void lookup(uint8_t* data, int64_t size, const uint8_t* table) {
    const uint8x16x4_t t0 = vld1q_u8_x4(table), t1 = vld1q_u8_x4(table + 64);
    const uint8x16x4_t t2 = vld1q_u8_x4(table + 128), t3 = vld1q_u8_x4(table + 192);
    for (int64_t i = 0; i < size; i += 16) {
      const uint8x16_t q = vld1q_u8(data + i);
      uint8x16_t found = vqtbl4q_u8(t0, q);
      found = vqtbx4q_u8(found, t1, vsubq_u8(q, vdupq_n_u8(64)));
      found = vqtbx4q_u8(found, t2, vsubq_u8(q, vdupq_n_u8(128)));
      found = vqtbx4q_u8(found, t3, vsubq_u8(q, vdupq_n_u8(192)));
      vst1q_u8(data + i, found);
    }
  }
};
