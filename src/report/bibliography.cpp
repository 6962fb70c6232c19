#include "report/bibliography.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "core/error.h"
#include "report/columns.h"
#include "report/compare.h"
#include "report/method_groups.h"
#include "report/optional_values.h"

namespace quench::report {

using record::Record;

namespace {

struct Paper {
  const char *key, *kind, *author, *title, *venue, *year;
};

// venue: booktitle of what stands in proceedings, else howpublished.
constexpr Paper kPapers[] = {
    {"banner2019", "inproceedings", "Banner, Ron and Nahshan, Yury and Soudry, Daniel",
     "Post Training 4-Bit Quantization of Convolutional Networks for Rapid-Deployment",
     "Advances in Neural Information Processing Systems (NeurIPS)", "2019"},
    {"bengio2013", "misc", "Bengio, Yoshua and L{\\'e}onard, Nicholas and Courville, Aaron",
     "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation", "arXiv:1308.3432",
     "2013"},
    {"bhalgat2020", "inproceedings",
     "Bhalgat, Yash and Lee, Jinwon and Nagel, Markus and Blankevoort, Tijmen and Kwak, Nojun",
     "{LSQ+}: Improving Low-Bit Quantization Through Learnable Offsets and Better Initialization",
     "IEEE/CVF Conference on Computer Vision and Pattern Recognition Workshops (CVPRW)", "2020"},
    {"cai2020", "inproceedings",
     "Cai, Yaohui and Yao, Zhewei and Dong, Zhen and Gholami, Amir and Mahoney, Michael W. and Keutzer, Kurt",
     "{ZeroQ}: A Novel Zero Shot Quantization Framework",
     "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)", "2020"},
    {"choi2018", "misc",
     "Choi, Jungwook and Wang, Zhuo and Venkataramani, Swagath and Chuang, Pierce I-Jen and Srinivasan, Vijayalakshmi "
     "and Gopalakrishnan, Kailash",
     "{PACT}: Parameterized Clipping Activation for Quantized Neural Networks", "arXiv:1805.06085", "2018"},
    {"dong2020", "inproceedings",
     "Dong, Zhen and Yao, Zhewei and Arfeen, Daiyaan and Gholami, Amir and Mahoney, Michael W. and Keutzer, Kurt",
     "{HAWQ-V2}: Hessian Aware Trace-Weighted Quantization of Neural Networks",
     "Advances in Neural Information Processing Systems (NeurIPS)", "2020"},
    {"esser2020", "inproceedings",
     "Esser, Steven K. and McKinstry, Jeffrey L. and Bablani, Deepika and Appuswamy, Rathinakumar and Modha, "
     "Dharmendra S.",
     "Learned Step Size Quantization", "International Conference on Learning Representations (ICLR)", "2020"},
    {"fang2024", "inproceedings", "Fang, Gongfan and Ma, Xinyin and Mi, Michael Bi and Wang, Xinchao",
     "Isomorphic Pruning for Vision Models", "European Conference on Computer Vision (ECCV)", "2024"},
    {"gholami2021", "misc",
     "Gholami, Amir and Kim, Sehoon and Dong, Zhen and Yao, Zhewei and Mahoney, Michael W. and Keutzer, Kurt",
     "A Survey of Quantization Methods for Efficient Neural Network Inference", "arXiv:2103.13630", "2021"},
    {"gupta2015", "inproceedings", "Gupta, Suyog and Agrawal, Ankur and Gopalakrishnan, Kailash and Narayanan, Pritish",
     "Deep Learning with Limited Numerical Precision", "International Conference on Machine Learning (ICML)", "2015"},
    {"gupta2023", "misc", "Gupta, Kartik and Asthana, Akshay",
     "Reducing the Side-Effects of Oscillations in Training of Quantized {YOLO} Networks", "arXiv:2311.05109", "2023"},
    {"han2015", "inproceedings", "Han, Song and Pool, Jeff and Tran, John and Dally, William J.",
     "Learning both Weights and Connections for Efficient Neural Networks",
     "Advances in Neural Information Processing Systems (NIPS)", "2015"},
    {"han2016", "inproceedings", "Han, Song and Mao, Huizi and Dally, William J.",
     "Deep Compression: Compressing Deep Neural Networks with Pruning, Trained Quantization and {H}uffman Coding",
     "International Conference on Learning Representations (ICLR)", "2016"},
    {"he2019", "inproceedings", "He, Yang and Liu, Ping and Wang, Ziwei and Hu, Zhilan and Yang, Yi",
     "Filter Pruning via Geometric Median for Deep Convolutional Neural Networks Acceleration",
     "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)", "2019"},
    {"hinton2015", "misc", "Hinton, Geoffrey and Vinyals, Oriol and Dean, Jeff",
     "Distilling the Knowledge in a Neural Network", "arXiv:1503.02531", "2015"},
    {"hu2016", "misc", "Hu, Hengyuan and Peng, Rui and Tai, Yu-Wing and Tang, Chi-Keung",
     "Network Trimming: A Data-Driven Neuron Pruning Approach towards Efficient Deep Architectures", "arXiv:1607.03250",
     "2016"},
    {"jacob2018", "inproceedings",
     "Jacob, Benoit and Kligys, Skirmantas and Chen, Bo and Zhu, Menglong and Tang, Matthew and Howard, Andrew and "
     "Adam, "
     "Hartwig and Kalenichenko, Dmitry",
     "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
     "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)", "2018"},
    {"jocher2020", "misc", "Jocher, Glenn", "{YOLOv5} by {Ultralytics}", "software, doi:10.5281/zenodo.3908559",
     "2020"},
    {"jocher2023", "misc", "Jocher, Glenn and Chaurasia, Ayush and Qiu, Jing", "{Ultralytics} {YOLOv8}",
     "software, https://github.com/ultralytics/ultralytics", "2023"},
    {"krizhevsky2009", "techreport", "Krizhevsky, Alex", "Learning Multiple Layers of Features from Tiny Images",
     "University of Toronto", "2009"},
    {"lecun1989", "inproceedings", "LeCun, Yann and Denker, John S. and Solla, Sara A.", "Optimal Brain Damage",
     "Advances in Neural Information Processing Systems (NIPS)", "1989"},
    {"lee2021ewgs", "inproceedings", "Lee, Junghyup and Kim, Dohyung and Ham, Bumsub",
     "Network Quantization with Element-Wise Gradient Scaling",
     "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)", "2021"},
    {"lee2021lamp", "inproceedings", "Lee, Jaeho and Park, Sejun and Mo, Sangwoo and Ahn, Sungsoo and Shin, Jinwoo",
     "Layer-Adaptive Sparsity for the Magnitude-Based Pruning",
     "International Conference on Learning Representations (ICLR)", "2021"},
    {"li2017", "inproceedings", "Li, Hao and Kadav, Asim and Durdanovic, Igor and Samet, Hanan and Graf, Hans Peter",
     "Pruning Filters for Efficient {ConvNets}", "International Conference on Learning Representations (ICLR)", "2017"},
    {"li2020", "inproceedings", "Li, Yuhang and Dong, Xin and Wang, Wei",
     "Additive Powers-of-Two Quantization: An Efficient Non-Uniform Discretization for Neural Networks",
     "International Conference on Learning Representations (ICLR)", "2020"},
    {"li2021", "inproceedings",
     "Li, Yuhang and Gong, Ruihao and Tan, Xu and Yang, Yang and Hu, Peng and Zhang, Qi and Yu, Fengwei and Wang, Wei "
     "and "
     "Gu, Shi",
     "{BRECQ}: Pushing the Limit of Post-Training Quantization by Block Reconstruction",
     "International Conference on Learning Representations (ICLR)", "2021"},
    {"lin2014", "inproceedings",
     "Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and Perona, Pietro and Ramanan, Deva and "
     "Doll{\\'a}r, Piotr and Zitnick, C. Lawrence",
     "{Microsoft COCO}: Common Objects in Context", "European Conference on Computer Vision (ECCV)", "2014"},
    {"liu2017", "inproceedings",
     "Liu, Zhuang and Li, Jianguo and Shen, Zhiqiang and Huang, Gao and Yan, Shoumeng and Zhang, Changshui",
     "Learning Efficient Convolutional Networks through Network Slimming",
     "IEEE International Conference on Computer Vision (ICCV)", "2017"},
    {"mao2017", "inproceedings",
     "Mao, Huizi and Han, Song and Pool, Jeff and Li, Wenshuo and Liu, Xingyu and Wang, Yu and Dally, William J.",
     "Exploring the Granularity of Sparsity in Convolutional Neural Networks",
     "IEEE Conference on Computer Vision and Pattern Recognition Workshops (CVPRW)", "2017"},
    {"mishra2021", "misc",
     "Mishra, Asit and Latorre, Jorge Albericio and Pool, Jeff and Stosic, Darko and Stosic, Dusan and Venkatesh, "
     "Ganesh "
     "and Yu, Chong and Micikevicius, Paulius",
     "Accelerating Sparse Deep Neural Networks", "arXiv:2104.08378", "2021"},
    {"miyashita2016", "misc", "Miyashita, Daisuke and Lee, Edward H. and Murmann, Boris",
     "Convolutional Neural Networks using Logarithmic Data Representation", "arXiv:1603.01025", "2016"},
    {"molchanov2019", "inproceedings",
     "Molchanov, Pavlo and Mallya, Arun and Tyree, Stephen and Frosio, Iuri and Kautz, Jan",
     "Importance Estimation for Neural Network Pruning",
     "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)", "2019"},
    {"nagel2019", "inproceedings", "Nagel, Markus and van Baalen, Mart and Blankevoort, Tijmen and Welling, Max",
     "Data-Free Quantization Through Weight Equalization and Bias Correction",
     "IEEE/CVF International Conference on Computer Vision (ICCV)", "2019"},
    {"nagel2020", "inproceedings",
     "Nagel, Markus and Amjad, Rana Ali and van Baalen, Mart and Louizos, Christos and Blankevoort, Tijmen",
     "Up or Down? {A}daptive Rounding for Post-Training Quantization",
     "International Conference on Machine Learning (ICML)", "2020"},
    {"nagel2022", "inproceedings",
     "Nagel, Markus and Fournarakis, Marios and Bondarenko, Yelysei and Blankevoort, Tijmen",
     "Overcoming Oscillations in Quantization-Aware Training", "International Conference on Machine Learning (ICML)",
     "2022"},
    {"narang2017", "misc", "Narang, Sharan and Undersander, Eric and Diamos, Gregory",
     "Block-Sparse Recurrent Neural Networks", "arXiv:1711.02782", "2017"},
    {"shu2021", "inproceedings", "Shu, Changyong and Liu, Yifan and Gao, Jianfei and Yan, Zheng and Shen, Chunhua",
     "Channel-Wise Knowledge Distillation for Dense Prediction",
     "IEEE/CVF International Conference on Computer Vision (ICCV)", "2021"},
    {"wei2022", "inproceedings", "Wei, Xiuying and Gong, Ruihao and Li, Yuhang and Liu, Xianglong and Yu, Fengwei",
     "{QDrop}: Randomly Dropping Quantization for Extremely Low-Bit Post-Training Quantization",
     "International Conference on Learning Representations (ICLR)", "2022"},
    {"yao2021", "inproceedings",
     "Yao, Zhewei and Dong, Zhen and Zheng, Zhangcheng and Gholami, Amir and Yu, Jiali and Tan, Eric and Wang, Leyuan "
     "and "
     "Huang, Qijing and Wang, Yida and Mahoney, Michael W. and Keutzer, Kurt",
     "{HAWQ-V3}: Dyadic Neural Network Quantization", "International Conference on Machine Learning (ICML)", "2021"},
    {"zhao2019", "inproceedings",
     "Zhao, Ritchie and Hu, Yuwei and Dotzel, Jordan and De Sa, Christopher and Zhang, Zhiru",
     "Improving Neural Network Quantization without Retraining using Outlier Channel Splitting",
     "International Conference on Machine Learning (ICML)", "2019"},
    {"zheng2022", "inproceedings",
     "Zheng, Zhaohui and Ye, Rongguang and Wang, Ping and Ren, Dongwei and Zuo, Wangmeng and Hou, Qibin and Cheng, "
     "Ming-Ming",
     "Localization Distillation for Dense Object Detection",
     "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)", "2022"},
    {"zhou2016", "misc", "Zhou, Shuchang and Wu, Yuxin and Ni, Zekun and Zhou, Xinyu and Wen, He and Zou, Yuheng",
     "{DoReFa-Net}: Training Low Bitwidth Convolutional Neural Networks with Low Bitwidth Gradients",
     "arXiv:1606.06160", "2016"},
    {"rastegari2016", "inproceedings", "Rastegari, Mohammad and Ordonez, Vicente and Redmon, Joseph and Farhadi, Ali",
     "{XNOR-Net}: {ImageNet} Classification Using Binary Convolutional Neural Networks",
     "European Conference on Computer Vision (ECCV)", "2016"},
    {"zhou2017", "inproceedings", "Zhou, Aojun and Yao, Anbang and Guo, Yiwen and Xu, Lin and Chen, Yurong",
     "Incremental Network Quantization: Towards Lossless {CNNs} with Low-Precision Weights",
     "International Conference on Learning Representations (ICLR)", "2017"},
};

using Keys = std::set<std::string>;

/// A paper for a value of a setting.
struct OfValue {
  const char *setting, *value, *key;
};
constexpr OfValue kOfPrune[] = {
    {"criterion", "l1", "li2017"},
    {"criterion", "l2", "li2017"},
    {"criterion", "largest", "li2017"},
    {"criterion", "activation", "li2017"},
    {"criterion", "bn_scale", "liu2017"},
    {"criterion", "fpgm", "he2019"},
    {"criterion", "taylor", "molchanov2019"},
    {"criterion", "taylor_abs", "molchanov2019"},
    {"criterion", "obd", "lecun1989"},
    {"criterion", "zeros", "hu2016"},
    {"normalisation", "lamp", "lee2021lamp"},
    {"ranking", "isomorphic", "fang2024"},
};
constexpr OfValue kOfQuantize[] = {
    {"observer", "aciq", "banner2019"},
    {"levels", "pot", "miyashita2016"},
    {"levels", "binary", "rastegari2016"},
    {"levels", "pot", "zhou2017"},
    {"levels", "apot", "li2020"},
    {"levels", "kmeans", "han2016"},
    {"scales", "power_of_two", "yao2021"},
    {"pictures", "distilled", "cai2020"},
    {"requantization", "dyadic", "yao2021"},
};
constexpr OfValue kOfTraining[] = {
    {"activation_quantizer", "lsq_plus", "bhalgat2020"},
    {"activation_quantizer", "pact", "choi2018"},
    {"weight_quantizer", "dorefa", "zhou2016"},
    {"estimator", "ewgs", "lee2021ewgs"},
    {"distill", "features", "shu2021"},
    {"distill", "both", "shu2021"},
    {"learn", "correction", "gupta2023"},
};

template <size_t N>
void add_of(const OfValue (&table)[N], const Json& settings, Keys& keys) {
  for (const OfValue& row : table) {
    const auto found = settings.find(row.setting);
    if (found != settings.end() && *found == row.value) keys.insert(row.key);
  }
}

bool is_set(const Json& settings, const char* name) {
  const auto found = settings.find(name);
  return found != settings.end() && !found->is_null() && *found != 0 && *found != false && *found != "";
}

void add_training(const Json& settings, bool quantized, bool detects, Keys& keys) {
  add_of(kOfTraining, settings, keys);
  if (is_set(settings, "teacher")) {
    keys.insert("hinton2015");
    if (detects) keys.insert("zheng2022");
  }
  if (is_set(settings, "sparsity")) keys.insert("liu2017");
  if (!quantized) return;
  keys.insert("bengio2013");
  if (settings.value("ranges", "learned") == "learned" && !settings.contains("activation_quantizer")) {
    keys.insert("esser2020");
  }
  if (is_set(settings, "stochastic_rounding")) keys.insert("gupta2015");
  if (is_set(settings, "damping") || is_set(settings, "freeze_threshold")) keys.insert("nagel2022");
}

void add_steps(const Json& steps, bool detects, Keys& keys) {
  bool quantized = false;
  for (const Json& step : steps) {
    if (!step.is_object() || step.size() != 1) continue;
    const std::string name = step.begin().key();
    const Json settings = step.begin()->is_object() ? *step.begin() : Json::object();
    if (name == "prune") add_of(kOfPrune, settings, keys);
    if (name == "sparsify") {
      const std::string pattern = settings.value("pattern", "unstructured");
      keys.insert(pattern == "unstructured"                ? "han2015"
                  : pattern == "kernel"                    ? "mao2017"
                  : pattern.find(':') != std::string::npos ? "mishra2021"
                                                           : "narang2017");
    }
    if (name == "quantize" || name == "assign_bits") {
      quantized = true;
      keys.insert({"gholami2021", "jacob2018"});
      add_of(kOfQuantize, settings, keys);
    }
    if (name == "assign_bits") keys.insert({"dong2020", "yao2021"});
    if (name == "adaround") {
      keys.insert("nagel2020");
      if (settings.value("unit", "layer") == "block") keys.insert("li2021");
      if (is_set(settings, "drop")) keys.insert("wei2022");
    }
    if (name == "correct_bias" || name == "equalize") keys.insert("nagel2019");
    if (name == "split_channels") keys.insert("zhao2019");
    if (name == "train" || name == "finetune") add_training(settings, quantized, detects, keys);
  }
}

std::string entry(const Paper& paper) {
  const std::string_view kind = paper.kind;
  const char* const place = kind == "inproceedings" ? "booktitle"
                            : kind == "techreport"  ? "institution"
                                                    : "howpublished";
  return fmt::format("@{}{{{},\n  author = {{{}}},\n  title = {{{}}},\n  {} = {{{}}},\n  year = {{{}}}\n}}\n",
                     paper.kind, paper.key, paper.author, paper.title, place, paper.venue, paper.year);
}

}  // namespace

std::string bibtex(const std::vector<Record>& records) {
  Keys keys;
  for (const Record& record : ok_records(records)) {
    const std::string model = text_of(record.model), data = text_of(record.data);
    if (model.starts_with("yolov5")) keys.insert("jocher2020");
    if (model.starts_with("yolov8")) keys.insert("jocher2023");
    if (data.starts_with("cifar")) keys.insert("krizhevsky2009");
    if (data.starts_with("coco")) keys.insert("lin2014");
    // Of records that do not tell their steps, as those of earlier versions.
    if (const MethodKind kind = kind_of(record); kind.quantized) {
      keys.insert({"gholami2021", "jacob2018"});
      if (kind.fine_tuned) keys.insert("bengio2013");
    }
    const auto steps = record.config.is_object() ? record.config.find("steps") : record.config.end();
    if (steps != record.config.end() && steps->is_array()) add_steps(*steps, finds_objects(record), keys);
  }
  std::string out;
  for (const Paper& paper : kPapers) {
    if (keys.erase(paper.key) > 0) out += entry(paper) + "\n";
  }
  ensure(keys.empty(), "[report] no paper for {}", keys.empty() ? "" : *keys.begin());
  return out;
}

}  // namespace quench::report
