// What can be fetched by name, and from where: data alone. Sources of the checksums: SHA-256 of YOLOv8's detectors as
// GitHub lists them for the release's files; of YOLOv5's and of yolov8n-cls as several public projects pin them for
// these addresses (yolov5n.pt is the one that weights_import_test reads); of COCO's archives as TensorFlow Datasets and
// others pin them; MD5 of CIFAR and Fashion-MNIST as their authors publish them. What has none here is not known to us:
// fetch then keeps the SHA-256 of the first download beside the file.
#include "sources/sources.h"

namespace quench::sources {
namespace {

constexpr const char* kYolov5 = "https://github.com/ultralytics/yolov5/releases/download/v7.0/";
constexpr const char* kYolov8 = "https://github.com/ultralytics/assets/releases/download/v8.3.0/";
constexpr const char* kCoco128 = "https://github.com/ultralytics/assets/releases/download/v0.0.0/";
constexpr const char* kCocoPictures = "http://images.cocodataset.org/zips/";
constexpr const char* kCocoAnnotations = "http://images.cocodataset.org/annotations/";
constexpr const char* kCifar = "https://www.cs.toronto.edu/~kriz/";
constexpr const char* kFashion = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";

constexpr const char* kAgpl =
    "The weights are by Ultralytics, under AGPL-3.0: a program or a service that uses them, or a model made of them, "
    "is bound by it, unless Ultralytics sold you another licence (https://ultralytics.com/license).";
constexpr const char* kCocoTerms =
    "The annotations are by the COCO Consortium, under CC BY 4.0. The pictures belong to their photographers, and "
    "Flickr's terms of use hold for them (https://cocodataset.org/#termsofuse).";
constexpr const char* kCifarTerms =
    "Its author states no licence and asks to cite: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, "
    "2009.";
constexpr const char* kFashionTerms = "Fashion-MNIST is by Zalando SE, under the MIT licence.";

constexpr const char* kCoco128Description =
    R"(# Written by `quench data fetch coco128`: the archive has no names of classes.
path: .
train: images/train2017
val: images/train2017
names: [person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
  parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag,
  tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
  tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
  hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote,
  keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear,
  hair drier, toothbrush]
)";

Source weights(const std::string& name, const char* folder, int64_t bytes, const char* sha256) {
  const std::string file = name + ".pt";
  return {name, Kind::weights, kAgpl, "weights", {file}, {{folder, file, bytes, sha256, ""}}};
}

std::vector<Source> make_table() {
  return {
      weights("yolov5n", kYolov5, 4'062'133, "4f180cf23ba0717ada0badd6c685026d73d48f184d00fc159c2641284b2ac0a3"),
      weights("yolov5s", kYolov5, 14'808'437, "8b3b748c1e592ddd8868022e8732fde20025197328490623cc16c6f24d0782ee"),
      weights("yolov5m", kYolov5, 42'806'829, "61d933360ba5a7733a36764996c800287d973889d875227f5beedd2473a97a56"),
      weights("yolov5l", kYolov5, 93'622'629, "2f603b7354c25454d1270663a14d8ddc1eea98e5eebc1d84ce0c6e3150fa155f"),
      weights("yolov5x", kYolov5, 0, "9f27a794fa0308e2606f90565164571d6f0a0ba18a3ce2e5e5d323b71c157859"),
      weights("yolov8n", kYolov8, 6'549'796, "f59b3d833e2ff32e194b5bb8e08d211dc7c5bdf144b90d2c8412c47ccfc83b36"),
      weights("yolov8s", kYolov8, 22'588'772, "1f47a78bf100391c2a140b7ac73a1caae18c32779be7d310658112f7ac9aa78a"),
      weights("yolov8m", kYolov8, 0, "5d4a90cdc7a21786cc59cd19778e9eafff836df9e2da32524737c7ee6efe4fe5"),
      weights("yolov8l", kYolov8, 0, "64c9115303f6a25575f82200d1b22ec409fa6bd7d08d0313884fc20d919478cd"),
      weights("yolov8x", kYolov8, 0, "3df4ada6b4dad6d657868f2fdf7faecfb34dcfccf3a25c4b82079064718524c8"),
      weights("yolov5n-cls", kYolov5, 0, ""),
      weights("yolov5s-cls", kYolov5, 0, ""),
      weights("yolov5m-cls", kYolov5, 0, ""),
      weights("yolov5l-cls", kYolov5, 0, ""),
      weights("yolov5x-cls", kYolov5, 0, ""),
      weights("yolov8n-cls", kYolov8, 5'563'076, "11fa19f2aea79bc960d680a13f82f22105982b325eb9e17a4a5e1a9f8245980a"),
      weights("yolov8s-cls", kYolov8, 0, ""),
      weights("yolov8m-cls", kYolov8, 0, ""),
      weights("yolov8l-cls", kYolov8, 0, ""),
      weights("yolov8x-cls", kYolov8, 0, ""),
      {"coco128",
       Kind::data,
       std::string("Ultralytics packed the first 128 pictures of COCO's train2017, under AGPL-3.0. ") + kCocoTerms,
       "coco128",
       {"data.yaml", "images/train2017", "labels/train2017"},
       {{kCoco128, "coco128.zip", 0, "", "", {"coco128/"}}},
       {{"data.yaml", kCoco128Description}}},
      {"coco-val",
       Kind::data,
       kCocoTerms,
       "coco-val",
       {"val2017", "annotations/instances_val2017.json"},
       {{kCocoPictures,
         "val2017.zip",
         815'585'330,
         "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
         "",
         {"val2017/"},
         "coco-val"},
        {kCocoAnnotations,
         "annotations_trainval2017.zip",
         252'907'541,
         "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
         "",
         {"annotations/instances_val2017.json"},
         "coco-val"}}},
      {"cifar100",
       Kind::data,
       kCifarTerms,
       "cifar-100-binary",
       {"train.bin", "test.bin", "fine_label_names.txt"},
       {{kCifar, "cifar-100-binary.tar.gz", 168'513'733, "", "03b5dce01913d631647c71ecec9e9cb8"}}},
      {"cifar10",
       Kind::data,
       kCifarTerms,
       "cifar-10-batches-bin",
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
        "test_batch.bin", "batches.meta.txt"},
       {{kCifar, "cifar-10-binary.tar.gz", 170'052'171, "", "c32a1d4ab5d03f1284b67883e8d87530"}}},
      {"fashion-mnist",
       Kind::data,
       kFashionTerms,
       "fashion-mnist",
       {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz"},
       {{kFashion, "train-images-idx3-ubyte.gz", 26'421'880, "", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
        {kFashion, "train-labels-idx1-ubyte.gz", 29'515, "", "25c81989df183df01b3e8a0aad5dffbe"},
        {kFashion, "t10k-images-idx3-ubyte.gz", 4'422'102, "", "bef4ecab320f06d8554ea6380940ec79"},
        {kFashion, "t10k-labels-idx1-ubyte.gz", 5'148, "", "bb300cfdad3c16e7a12a480ee83cd310"}}},
  };
}

}  // namespace

const std::vector<Source>& table() {
  static const std::vector<Source> sources = make_table();
  return sources;
}

}  // namespace quench::sources
